//! Downloads: into a partial file beside the final one, from its end on, verified before the final
//! name appears.

use std::path::{Path, PathBuf};

use aar_types::{ApplicationName, Architecture, Digest, ImageInfo, VersionNumber};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{
        CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LOCATION, RANGE,
    },
};
use url::Url;

use crate::{
    Backoff, Error, RegistryClient, Transfer,
    partial::{Partial, digest_of, put_in_place},
};

const REQUEST: &str = "an image";
/// How often storage may pass a request on.
const MAX_REDIRECTS: usize = 5;

impl RegistryClient {
    /// Fetches the image of a version to its final place. What is there already is not fetched
    /// again, once its digest is verified.
    pub async fn download(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        image: &ImageInfo,
        to: &Path,
        transfer: &Transfer,
    ) -> Result<(), Error> {
        let download = Download {
            client: self,
            version: (name, architecture, number),
            image,
            to,
            partial: partial_path(to),
            transfer,
        };
        download.run().await
    }
}

/// Where a download for the path grows.
fn partial_path(to: &Path) -> PathBuf {
    let mut path = to.as_os_str().to_owned();
    path.push(".partial");
    path.into()
}

struct Download<'a> {
    client: &'a RegistryClient,
    version: (&'a ApplicationName, Architecture, VersionNumber),
    image: &'a ImageInfo,
    to: &'a Path,
    partial: PathBuf,
    transfer: &'a Transfer,
}

/// How far an answer with content brought us.
enum Progress {
    /// It went on from where we were.
    Continued,
    /// The answer does not continue what is here.
    StartOver,
    /// The whole has this size, which is not the one promised.
    OtherSize(u64),
}

/// What came, or would come, instead of the image.
enum Found {
    Digest(Digest),
    Size(u64),
}

impl Found {
    /// The failure that it is when it has come twice.
    fn reported(self, image: &ImageInfo) -> Error {
        match self {
            Self::Digest(found) => Error::DigestMismatch {
                expected: image.digest,
                found,
            },
            Self::Size(found) => Error::SizeMismatch {
                expected: image.size,
                found,
            },
        }
    }
}

impl Download<'_> {
    async fn run(&self) -> Result<(), Error> {
        if let Some(folder) = self.to.parent() {
            fs_err::tokio::create_dir_all(folder).await?;
        }
        let Some(found) = self.attempt().await? else {
            return Ok(());
        };
        self.warn(&found);
        match self.attempt().await? {
            None => Ok(()),
            Some(found) => Err(found.reported(self.image)),
        }
    }

    fn warn(&self, found: &Found) {
        let (application, _, version) = self.version;
        match found {
            Found::Digest(found) => tracing::warn!(
                %application, %version, %found,
                "an image has another digest than promised and is fetched again"
            ),
            Found::Size(found) => tracing::warn!(
                %application, %version, found, expected = self.image.size,
                "an image has another size than promised and is fetched again"
            ),
        }
    }

    /// Fetches the image once. Returns what is there instead, where it is something else.
    async fn attempt(&self) -> Result<Option<Found>, Error> {
        let mut partial = Partial::resume(&self.partial, self.image.size).await?;
        if self.is_there().await? {
            partial.discard().await?;
            return Ok(None);
        }
        let mut backoff = self.client.backoff();
        let mut furthest = partial.received();
        while partial.received() < self.image.size {
            let progress = self.unless_cancelled(self.receive(&mut partial)).await;
            // What has come before, and comes again after a new start, gets us nowhere.
            if partial.received() > furthest {
                furthest = partial.received();
                backoff.reset();
            }
            match progress {
                Ok(Progress::Continued) => {}
                Ok(Progress::OtherSize(found)) => {
                    partial.discard().await?;
                    return Ok(Some(self.nothing_of(Found::Size(found))));
                }
                Ok(Progress::StartOver) => {
                    let failure = Error::Interrupted { source: None };
                    let waited = self.pause(partial, &mut backoff, failure).await?;
                    partial = waited.restart(self.image.size).await?;
                }
                Err(failure) => partial = self.pause(partial, &mut backoff, failure).await?,
            }
        }
        self.conclude(partial).await
    }

    /// Waits after a failure. When it was one too many, what has arrived is put down.
    async fn pause(
        &self,
        partial: Partial,
        backoff: &mut Backoff,
        failure: Error,
    ) -> Result<Partial, Error> {
        let pause = self.client.pause(backoff, failure);
        if let Err(last) = self.unless_cancelled(pause).await {
            // Why it ended is of more interest than what could not be put down.
            let _ = partial.leave().await;
            return Err(last);
        }
        Ok(partial)
    }

    /// Waits for something that can be left alone at any moment.
    async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.transfer.cancelled.cancelled() => Err(Error::Cancelled),
            done = work => done,
        }
    }

    /// Whether the file is at its final place, from an attempt that ended after that.
    async fn is_there(&self) -> Result<bool, Error> {
        let there = fs_err::tokio::metadata(self.to).await;
        let fits = there.is_ok_and(|found| found.len() == self.image.size);
        if !fits || self.unless_cancelled(digest_of(self.to)).await? != self.image.digest {
            return Ok(false);
        }
        self.transfer.progress.at(self.image.size);
        Ok(true)
    }

    async fn conclude(&self, partial: Partial) -> Result<Option<Found>, Error> {
        let (found, file) = self.unless_cancelled(partial.finish()).await?;
        if found == self.image.digest {
            put_in_place(file, &self.partial, self.to).await?;
            return Ok(None);
        }
        fs_err::tokio::remove_file(&self.partial).await?;
        drop(file);
        Ok(Some(self.nothing_of(Found::Digest(found))))
    }

    /// What has arrived does not count.
    fn nothing_of(&self, found: Found) -> Found {
        self.transfer.progress.at(0);
        found
    }

    /// Asks for the rest and takes what comes.
    async fn receive(&self, partial: &mut Partial) -> Result<Progress, Error> {
        let offset = partial.received();
        let mut response = self.request(partial).await?;
        if let Some(total) = total(&response).filter(|total| *total != self.image.size) {
            return Ok(Progress::OtherSize(total));
        }
        if !continues(&response, offset)? {
            if offset > 0 {
                return Ok(Progress::StartOver);
            }
            return Err(Error::malformed(
                REQUEST,
                "it does not begin at its beginning",
            ));
        }
        while let Some(chunk) = self.client.chunk(&mut response).await? {
            if partial.received() + chunk.len() as u64 > self.image.size {
                let reason = format!("more than the {} bytes promised", self.image.size);
                return Err(Error::malformed(REQUEST, reason));
            }
            partial.push(&chunk).await?;
            self.transfer.progress.at(partial.received());
        }
        if partial.received() < self.image.size {
            return Err(Error::Interrupted { source: None });
        }
        Ok(Progress::Continued)
    }

    /// The answer that has the content: the registry's own, or that of the storage it points to.
    /// The registry is asked each time, so an address of storage is never older than its request.
    async fn request(&self, partial: &mut Partial) -> Result<Response, Error> {
        let offset = partial.received();
        let request = self
            .client
            .version_request(Method::GET, self.version, &["image"]);
        let mut request = range(request, offset);
        if offset > 0 {
            request = request.header(IF_RANGE, format!("\"{}\"", self.image.digest));
        }
        let limit = self.client.timeouts().answer;
        let response = self.client.send(request, limit).await?;
        match response.status() {
            status if status.is_redirection() => self.follow(response, partial).await,
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            _ => self.client.accepted(response).await,
        }
    }

    /// Follows redirects with the client that has nothing to show. Content is checked by its
    /// digest, so it does not matter who sends it.
    async fn follow(
        &self,
        mut response: Response,
        partial: &mut Partial,
    ) -> Result<Response, Error> {
        for _ in 0..MAX_REDIRECTS {
            response = self.fetch(location(&response)?, partial).await?;
            let status = response.status();
            if status.is_success() || status == StatusCode::RANGE_NOT_SATISFIABLE {
                partial.tag = strong_tag(response.headers());
                return Ok(response);
            }
            if !status.is_redirection() {
                return Err(Error::ContentRefused {
                    host: host(response.url()),
                    status: status.as_u16(),
                });
            }
        }
        Err(Error::malformed(REQUEST, "it is passed on in a circle"))
    }

    /// Asks storage for the rest. Its tags are its own: one that came with the bytes so far says
    /// what the rest has to belong to.
    async fn fetch(&self, url: Url, partial: &Partial) -> Result<Response, Error> {
        let host = host(&url);
        let mut request = range(self.client.content()?.get(url), partial.received());
        if let Some(tag) = partial.rest_of() {
            request = request.header(IF_RANGE, tag);
        }
        let limit = self.client.timeouts().answer;
        let sent = tokio::time::timeout(limit, request.send()).await;
        match sent.map_err(|_| Error::Silent { limit })? {
            Ok(response) => Ok(response),
            Err(error) if error.is_connect() => Err(Error::ContentUnreachable {
                host,
                source: error.without_url(),
            }),
            Err(error) => Err(self.client.broken(error)),
        }
    }
}

/// The rest of an image.
fn range(request: RequestBuilder, offset: u64) -> RequestBuilder {
    match offset {
        0 => request,
        _ => request.header(RANGE, format!("bytes={offset}-")),
    }
}

fn host(url: &Url) -> String {
    url[url::Position::BeforeHost..url::Position::AfterPort].to_owned()
}

/// The tag of an answer, where `If-Range` may use it.
fn strong_tag(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(ETAG)?;
    tag.as_bytes().starts_with(b"\"").then(|| tag.clone())
}

fn location(response: &Response) -> Result<Url, Error> {
    let location = response.headers().get(LOCATION);
    let text = location.and_then(|value| value.to_str().ok());
    let url = text.and_then(|text| response.url().join(text).ok());
    url.ok_or_else(|| Error::malformed(REQUEST, "a redirect does not say where to"))
}

/// Whether the bytes of an answer begin at the offset.
fn continues(response: &Response, offset: u64) -> Result<bool, Error> {
    match response.status() {
        StatusCode::OK => Ok(offset == 0),
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(false),
        StatusCode::PARTIAL_CONTENT => {
            let range = content_range(response.headers());
            let (start, _) = range.ok_or_else(|| {
                Error::malformed(REQUEST, "a part of it does not say which part it is")
            })?;
            Ok(start == offset)
        }
        status => Err(Error::malformed(REQUEST, format!("the status is {status}"))),
    }
}

/// The size of the whole, as far as an answer says it.
fn total(response: &Response) -> Option<u64> {
    let headers = response.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match response.status() {
        StatusCode::OK => text(CONTENT_LENGTH)?.parse().ok(),
        StatusCode::PARTIAL_CONTENT => content_range(headers)?.1,
        StatusCode::RANGE_NOT_SATISFIABLE => {
            text(CONTENT_RANGE)?.strip_prefix("bytes */")?.parse().ok()
        }
        _ => None,
    }
}

/// The start and, where it is known, the total size that a `Content-Range` names.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_names_start_and_size() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, text.parse().unwrap());
            content_range(&headers)
        };
        assert_eq!(read("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(read("bytes 0-0/*"), Some((0, None)));
        for bad in [
            "bytes */10",
            "5-9/10",
            "bytes 5-9",
            "bytes x-9/10",
            "bytes 5-9/x",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_partial_file_lies_beside_the_final_one() {
        let path = partial_path(Path::new("/a/b.tar.zst"));
        assert_eq!(path, Path::new("/a/b.tar.zst.partial"));
    }
}
