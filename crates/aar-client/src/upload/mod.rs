//! Uploads by the tus protocol: an upload with a declared length and digest is created, then filled
//! in parts, each from the offset that the registry has stored durably.

mod file_stream;

use std::{
    fs::File,
    future::Future,
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use aar_http::{
    Body, HeaderMap, Method, RequestBuilder, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
};
use aar_types::{
    Digest, ErrorCode, ImageInfo,
    headers::{UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use url::Url;

use crate::{Error, RegistryClient, Transfer, TransferProgress, response::required_header};

/// The size of a part: proxies let it pass, and it is the most that is sent again.
const MAX_PART: u64 = 32 << 20;
const TUS_VERSION: (&str, &str) = ("tus-resumable", "1.0.0");
const REQUEST: &str = "an upload";

/// Stores the URL of an unfinished upload, so that the upload continues after a restart of the
/// process. An `Option<String>` stores it in memory.
pub trait UploadUrlStore: Send {
    /// Returns the stored URL.
    fn load(&mut self) -> impl Future<Output = Option<String>> + Send;
    /// Stores a URL, or removes the stored one.
    fn save(&mut self, url: Option<&str>) -> impl Future<Output = ()> + Send;
}

impl UploadUrlStore for Option<String> {
    async fn load(&mut self) -> Option<String> {
        self.clone()
    }

    async fn save(&mut self, url: Option<&str>) {
        *self = url.map(str::to_owned);
    }
}

impl RegistryClient {
    /// Uploads an image. An image that the registry has is not sent; an unfinished upload continues
    /// at the offset that the registry reports.
    pub async fn upload<S: UploadUrlStore>(
        &self,
        path: &Path,
        image: &ImageInfo,
        store: &mut S,
        transfer: &Transfer,
    ) -> Result<(), Error> {
        let upload = Upload {
            client: self,
            path,
            image,
            file: open(path, image).await?,
            store,
            progress: Arc::clone(&transfer.progress),
        };
        tokio::select! {
            biased;
            () = transfer.cancelled.cancelled() => Err(Error::Cancelled),
            done = upload.run() => done,
        }
    }
}

async fn open(path: &Path, image: &ImageInfo) -> Result<Arc<File>, Error> {
    let file = fs_err::tokio::File::open(path).await?;
    if file.metadata().await?.len() != image.size {
        let path = path.to_owned();
        return Err(Error::ImageDiffers { path });
    }
    let (file, _) = file.into_parts();
    Ok(Arc::new(file.into_std().await))
}

struct UploadPosition {
    url: Url,
    offset: u64,
}

/// How long a locked upload is waited for. An interrupted request keeps its lock while the registry
/// stores what it has received, which may take minutes.
struct LockDeadline(Instant);

impl LockDeadline {
    /// Counted from the last progress.
    const LIMIT: Duration = Duration::from_mins(5);
    /// Additional to the time that the registry waits for the lock itself.
    const PAUSE: Duration = Duration::from_secs(1);

    fn new() -> Self {
        Self(Instant::now() + Self::LIMIT)
    }

    /// Waits if the error is a lock and the deadline has not passed.
    async fn wait(&self, error: &Error) -> bool {
        if !error.is_locked() || Instant::now() > self.0 {
            return false;
        }
        tokio::time::sleep(error.retry_after().unwrap_or(Self::PAUSE)).await;
        true
    }
}

struct Upload<'a, S> {
    client: &'a RegistryClient,
    path: &'a Path,
    image: &'a ImageInfo,
    file: Arc<File>,
    store: &'a mut S,
    progress: Arc<dyn TransferProgress>,
}

impl<S: UploadUrlStore> Upload<'_, S> {
    async fn run(mut self) -> Result<(), Error> {
        let mut backoff = self.client.backoff();
        let mut lock = LockDeadline::new();
        let mut furthest = 0;
        let mut position = None;
        loop {
            match self.step(position.take()).await {
                Ok(next) => {
                    self.progress.report(next.offset);
                    if next.offset >= self.image.size {
                        self.store.save(None).await;
                        return Ok(());
                    }
                    if next.offset > furthest {
                        furthest = next.offset;
                        backoff = self.client.backoff();
                        lock = LockDeadline::new();
                    }
                    position = Some(next);
                }
                Err(error) => {
                    let error = self.interpret(error).await;
                    if !lock.wait(&error).await {
                        self.client.wait_before_retry(&mut backoff, error).await?;
                    }
                }
            }
        }
    }

    /// Sends the next part, or finds the position of the next part if it is unknown.
    async fn step(&mut self, position: Option<UploadPosition>) -> Result<UploadPosition, Error> {
        match position {
            Some(position) => self.send_part(position).await,
            None => match self.resume().await? {
                Some(position) => Ok(position),
                None => self.create().await,
            },
        }
    }

    /// The position of the stored upload, if the registry still has it.
    async fn resume(&mut self) -> Result<Option<UploadPosition>, Error> {
        let Some(stored) = self.store.load().await else {
            return Ok(None);
        };
        let position = match self.registry_url(&stored) {
            Some(url) => self.find(url).await?,
            None => None,
        };
        if position.is_none() {
            self.store.save(None).await;
        }
        Ok(position)
    }

    /// Resolves a URL. It must have the origin of the registry: no other server gets credentials.
    fn registry_url(&self, url: &str) -> Option<Url> {
        let registry = self.client.url();
        let url = registry.join(url).ok()?;
        (url.origin() == registry.origin()).then_some(url)
    }

    async fn find(&self, url: Url) -> Result<Option<UploadPosition>, Error> {
        let request = self.client.request_at(Method::HEAD, url.clone());
        let response = match self.client.call(tus(request)).await {
            Err(Error::Refused {
                status: 404 | 410, ..
            }) => return Ok(None),
            response => response.map_err(with_code_of_head)?,
        };
        let length: u64 = required_header(REQUEST, response.headers(), UPLOAD_LENGTH)?;
        let offset = self.offset(response.headers())?;
        Ok((length == self.image.size).then_some(UploadPosition { url, offset }))
    }

    async fn create(&mut self) -> Result<UploadPosition, Error> {
        let request = tus(self.client.request(Method::POST, &["uploads"]))
            .header(UPLOAD_LENGTH, self.image.size)
            .header(UPLOAD_METADATA, metadata(&self.image.digest))
            .header(CONTENT_LENGTH, 0);
        let response = self.client.call(request).await?;
        let headers = response.headers();
        let location: String = required_header(REQUEST, headers, LOCATION.as_str())?;
        let url = self
            .registry_url(&location)
            .ok_or_else(|| Error::malformed(REQUEST, format!("{location} is on another server")))?;
        let offset = match headers.get(UPLOAD_OFFSET) {
            Some(_) => self.offset(headers)?,
            None => 0,
        };
        if offset < self.image.size {
            self.store.save(Some(url.as_str())).await;
        }
        Ok(UploadPosition { url, offset })
    }

    async fn send_part(&self, position: UploadPosition) -> Result<UploadPosition, Error> {
        let UploadPosition { url, offset } = position;
        let length = MAX_PART.min(self.image.size - offset);
        let sent = Arc::new(AtomicU64::new(0));
        let body = file_stream::read(Arc::clone(&self.file), offset, length, sent.clone());
        let request = tus(self.client.request_at(Method::PATCH, url.clone()))
            .header(CONTENT_TYPE, "application/offset+octet-stream")
            .header(UPLOAD_OFFSET, offset)
            .header(CONTENT_LENGTH, length)
            .body(Body::from_stream(body));
        let response = self.send_with_progress(request, offset, &sent).await?;
        let next = self.offset(response.headers())?;
        if next <= offset {
            let reason = format!("the offset is still {next} after a part was accepted");
            return Err(Error::malformed(REQUEST, reason));
        }
        Ok(UploadPosition { url, offset: next })
    }

    /// Sends a part and reports its progress. Fails if no byte is sent for the stall limit.
    async fn send_with_progress(
        &self,
        request: RequestBuilder,
        offset: u64,
        sent: &AtomicU64,
    ) -> Result<Response, Error> {
        const INTERVAL: Duration = Duration::from_millis(250);
        let limit = self.client.timeouts().stall;
        let mut call = pin!(self.client.send(request, Duration::MAX));
        let mut idle = Duration::ZERO;
        let mut before = 0;
        loop {
            if let Ok(response) = tokio::time::timeout(INTERVAL, &mut call).await {
                return self.client.accepted(response?).await;
            }
            let now = sent.load(Ordering::Relaxed);
            self.progress.report(offset + now);
            if now > before {
                (before, idle) = (now, Duration::ZERO);
            }
            idle += INTERVAL;
            if idle >= limit {
                return Err(Error::Timeout { limit });
            }
        }
    }

    fn offset(&self, headers: &HeaderMap) -> Result<u64, Error> {
        let offset = required_header(REQUEST, headers, UPLOAD_OFFSET)?;
        if offset > self.image.size {
            let reason = format!("the offset {offset} is beyond the end of the image");
            return Err(Error::malformed(REQUEST, reason));
        }
        Ok(offset)
    }

    /// Translates refusals that concern the whole upload, and forgets the upload.
    async fn interpret(&mut self, error: Error) -> Error {
        let interpreted = match error.code() {
            Some(ErrorCode::DigestMismatch) => Error::ImageDiffers {
                path: self.path.to_owned(),
            },
            // The upload has expired. The next step creates another one.
            Some(ErrorCode::UploadNotFound) => Error::Interrupted { source: None },
            _ => return error,
        };
        self.store.save(None).await;
        interpreted
    }
}

/// Adds the code to a refusal of HEAD, which has no body. Status 409 is a conflict of offsets: the
/// upload has advanced during the request.
fn with_code_of_head(mut error: Error) -> Error {
    if let Error::Refused {
        status: 409, code, ..
    } = &mut error
    {
        code.get_or_insert(ErrorCode::UploadOffsetConflict);
    }
    error
}

fn tus(request: RequestBuilder) -> RequestBuilder {
    request.header(TUS_VERSION.0, TUS_VERSION.1)
}

/// The digest in the encoding of tus metadata.
fn metadata(digest: &Digest) -> String {
    format!("digest {}", BASE64_STANDARD.encode(digest.to_string()))
}
