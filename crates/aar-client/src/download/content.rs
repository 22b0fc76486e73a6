//! Requests for the content of an image, and what their responses contain.

use std::{ops::Range, sync::atomic::Ordering, time::Instant};

use aar_http::{
    HeaderMap, HeaderValue, Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, RANGE},
};
use url::Url;

use super::{Download, REQUEST, locked, partial_file::PartialFile, redirect::Redirect};
use crate::{Error, response::parsed};

const MAX_REDIRECTS: usize = 5;

impl Download<'_> {
    /// Requests a range from the registry, or from the storage to which it redirects.
    pub(super) async fn request(
        &self,
        partial: &PartialFile,
        range: &Range<u64>,
    ) -> Result<Response, Error> {
        let sent = Instant::now();
        let response = self.request_from_known(partial, range).await?;
        *locked(&self.latency) = sent.elapsed();
        if sends_ranges(&response) {
            self.accepts_ranges.store(true, Ordering::Relaxed);
        }
        Ok(response)
    }

    /// Requests a range by the URL that is known. If the storage does not accept it any more, the first
    /// stream that notices requests another one from the registry.
    async fn request_from_known(
        &self,
        partial: &PartialFile,
        range: &Range<u64>,
    ) -> Result<Response, Error> {
        let Some(known) = locked(&self.storage).clone() else {
            return self.request_from_registry(partial, range).await;
        };
        match self.follow(known.clone(), partial, range).await {
            Err(Error::ContentRefused { .. }) => {}
            Err(error) => {
                *locked(&self.storage) = None;
                return Err(error);
            }
            response => return response,
        }
        let _renewing = self.renewal.lock().await;
        let renewed = locked(&self.storage).take_if(|storage| storage.url == known.url);
        let renewed = match renewed {
            Some(_refused) => None,
            None => locked(&self.storage).clone(),
        };
        match renewed {
            Some(renewed) => self.follow(renewed, partial, range).await,
            None => self.request_from_registry(partial, range).await,
        }
    }

    async fn request_from_registry(
        &self,
        partial: &PartialFile,
        range: &Range<u64>,
    ) -> Result<Response, Error> {
        let request = self
            .client
            .version_request(Method::GET, self.version, &["image"]);
        let mut request = self.with_range(request, range);
        if range.start > 0 {
            request = request.header(IF_RANGE, format!("\"{}\"", self.image.digest));
        }
        let limit = self.client.timeouts().response;
        let response = self.client.send(request, limit).await?;
        match response.status() {
            status if status.is_redirection() => {
                let redirect = self.redirect(self.client.url(), &response)?;
                self.follow(redirect, partial, range).await
            }
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            _ => self.client.accepted(response).await,
        }
    }

    /// Follows redirects without credentials. Any server may send the content, because its digest
    /// is verified.
    async fn follow(
        &self,
        mut redirect: Redirect,
        partial: &PartialFile,
        range: &Range<u64>,
    ) -> Result<Response, Error> {
        for _ in 0..MAX_REDIRECTS {
            let response = self.fetch(&redirect, partial, range).await?;
            let status = response.status();
            if status.is_success() || status == StatusCode::RANGE_NOT_SATISFIABLE {
                partial.set_tag(strong_tag(response.headers()));
                *locked(&self.storage) = Some(redirect);
                return Ok(response);
            }
            if !status.is_redirection() {
                return Err(Error::ContentRefused {
                    host: redirect.host(),
                    status: status.as_u16(),
                });
            }
            redirect = self.redirect(&redirect.url, &response)?;
        }
        Err(Error::malformed(REQUEST, "there are too many redirects"))
    }

    fn redirect(&self, base: &Url, response: &Response) -> Result<Redirect, Error> {
        Redirect::of(base, response, self.client.allows_insecure_redirects())
    }

    /// Requests a range from the storage. The tags of the storage differ from those of the registry: the
    /// content must have the tag of the content received before.
    async fn fetch(
        &self,
        redirect: &Redirect,
        partial: &PartialFile,
        range: &Range<u64>,
    ) -> Result<Response, Error> {
        let url = redirect.url.clone();
        let request = self.client.content_request(url, redirect.allow_local);
        let mut request = self.with_range(request, range);
        if let Some(tag) = partial.expected_tag().filter(|_| range.start > 0) {
            request = request.header(IF_RANGE, tag);
        }
        let limit = self.client.timeouts().response;
        let sent = tokio::time::timeout(limit, request.send()).await;
        sent.map_err(|_| Error::Timeout { limit })?
            .map_err(|error| self.content_error(redirect, error))
    }

    fn with_range(&self, request: RequestBuilder, range: &Range<u64>) -> RequestBuilder {
        let Range { start, end } = range;
        match (*start, *end == self.image.size) {
            (0, true) => request,
            (start, true) => request.header(RANGE, format!("bytes={start}-")),
            (start, false) => request.header(RANGE, format!("bytes={start}-{}", end - 1)),
        }
    }

    fn content_error(&self, redirect: &Redirect, error: aar_http::Error) -> Error {
        if let Some(refusal) = redirect.refusal(&error) {
            return refusal;
        }
        match error {
            aar_http::Error::Connect(source) => Error::ContentUnreachable {
                host: redirect.host(),
                source,
            },
            error => self.client.connection_error(error),
        }
    }
}

fn sends_ranges(response: &Response) -> bool {
    let accepted = response.headers().get(ACCEPT_RANGES);
    response.status() == StatusCode::PARTIAL_CONTENT
        || accepted.is_some_and(|accepted| accepted == "bytes")
}

/// The entity tag, unless it is weak and so unusable for `If-Range`.
fn strong_tag(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(ETAG)?;
    tag.as_bytes().starts_with(b"\"").then(|| tag.clone())
}

/// Whether the body of a response starts at the offset.
pub(super) fn starts_at(response: &Response, offset: u64) -> Result<bool, Error> {
    match response.status() {
        StatusCode::OK => Ok(offset == 0),
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(false),
        StatusCode::PARTIAL_CONTENT => match content_range(response.headers()) {
            Some((start, _)) => Ok(start == offset),
            None => Err(Error::malformed(
                REQUEST,
                "the Content-Range is missing or invalid",
            )),
        },
        status => Err(Error::malformed(REQUEST, format!("the status is {status}"))),
    }
}

/// The size of the whole image, if the response declares it.
pub(super) fn declared_size(response: &Response) -> Option<u64> {
    let headers = response.headers();
    match response.status() {
        StatusCode::OK => parsed(headers, CONTENT_LENGTH),
        StatusCode::PARTIAL_CONTENT => content_range(headers)?.1,
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let range: String = parsed(headers, CONTENT_RANGE)?;
            range.strip_prefix("bytes */")?.parse().ok()
        }
        _ => None,
    }
}

/// The start and, if it is known, the total size in a `Content-Range`.
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
    fn content_range_is_parsed_to_start_and_size() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, text.parse().unwrap());
            content_range(&headers)
        };
        assert_eq!(read("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(read("bytes 0-0/*"), Some((0, None)));
        for invalid in [
            "bytes */10",
            "5-9/10",
            "bytes 5-9",
            "bytes x-9/10",
            "bytes 5-9/x",
        ] {
            assert_eq!(read(invalid), None, "{invalid}");
        }
    }
}
