//! Uploads by the tus protocol: a session with a declared length and digest, filled in parts, each
//! from the offset that the registry has durably stored.

use std::{
    fs::File,
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use aar_types::{Digest, ErrorCode, ImageInfo};
use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{
    Body, Method, RequestBuilder, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION},
};
use url::Url;

use crate::{Error, RegistryClient, Transfer, TransferProgress, answer::header, pieces::pieces};

/// The longest part: what proxies in between let pass, and the most that is sent again.
const PART: u64 = 32 << 20;
const TUS_VERSION: (&str, &str) = ("Tus-Resumable", "1.0.0");
const LENGTH: &str = "Upload-Length";
const OFFSET: &str = "Upload-Offset";
const METADATA: &str = "Upload-Metadata";
const REQUEST: &str = "an upload";

/// Where the address of an unfinished upload is kept, so that a process that was restarted goes on
/// with it. An `Option<String>` keeps it as long as it lives.
pub trait UploadMemory: Send {
    /// The address, where one is kept.
    fn recall(&mut self) -> impl Future<Output = Option<String>> + Send;
    /// Keeps an address, or forgets it.
    fn remember(&mut self, address: Option<&str>) -> impl Future<Output = ()> + Send;
}

impl UploadMemory for Option<String> {
    async fn recall(&mut self) -> Option<String> {
        self.clone()
    }

    async fn remember(&mut self, address: Option<&str>) {
        *self = address.map(str::to_owned);
    }
}

impl RegistryClient {
    /// Brings an image to the registry. Content that the registry has already is not sent; an
    /// upload that was begun before goes on where the registry has it.
    pub async fn upload<M: UploadMemory>(
        &self,
        path: &Path,
        image: &ImageInfo,
        memory: &mut M,
        transfer: &Transfer,
    ) -> Result<(), Error> {
        let upload = Upload {
            client: self,
            path,
            image,
            file: open(path, image).await?,
            memory,
            progress: Arc::clone(&transfer.progress),
        };
        tokio::select! {
            biased;
            () = transfer.cancelled.cancelled() => Err(Error::Cancelled),
            done = upload.run() => done,
        }
    }
}

/// Opens the image and sees that it is as long as it should be.
async fn open(path: &Path, image: &ImageInfo) -> Result<Arc<File>, Error> {
    let file = fs_err::tokio::File::open(path).await?;
    if file.metadata().await?.len() != image.size {
        let path = path.to_owned();
        return Err(Error::ImageDiffers { path });
    }
    let (file, _) = file.into_parts();
    Ok(Arc::new(file.into_std().await))
}

/// Where an upload is and how far.
struct Place {
    url: Url,
    offset: u64,
}

/// An upload that is held by a request which has ended here: the registry still puts away what came
/// with it, over a line that may be slow. That is no failure, for some time after the last progress.
struct Lock {
    until: Instant,
}

impl Lock {
    const TIME: Duration = Duration::from_mins(5);
    /// The registry takes its time before it says that an upload is locked.
    const PAUSE: Duration = Duration::from_secs(1);

    fn new() -> Self {
        let until = Instant::now() + Self::TIME;
        Self { until }
    }

    async fn is_waited_for(&self, error: &Error) -> bool {
        if !error.is_locked() || Instant::now() > self.until {
            return false;
        }
        tokio::time::sleep(error.retry_after().unwrap_or(Self::PAUSE)).await;
        true
    }
}

struct Upload<'a, M> {
    client: &'a RegistryClient,
    path: &'a Path,
    image: &'a ImageInfo,
    file: Arc<File>,
    memory: &'a mut M,
    progress: Arc<dyn TransferProgress>,
}

impl<M: UploadMemory> Upload<'_, M> {
    async fn run(mut self) -> Result<(), Error> {
        let mut backoff = self.client.backoff();
        let mut lock = Lock::new();
        let mut furthest = 0;
        let mut place = None;
        loop {
            match self.step(place.take()).await {
                Ok(next) => {
                    self.progress.at(next.offset);
                    if next.offset >= self.image.size {
                        self.memory.remember(None).await;
                        return Ok(());
                    }
                    if next.offset > furthest {
                        furthest = next.offset;
                        backoff.reset();
                        lock = Lock::new();
                    }
                    place = Some(next);
                }
                Err(error) => {
                    let error = self.explain(error).await;
                    if !lock.is_waited_for(&error).await {
                        self.client.pause(&mut backoff, error).await?;
                    }
                }
            }
        }
    }

    /// One request further: from nowhere to a place, from a place to the next.
    async fn step(&mut self, place: Option<Place>) -> Result<Place, Error> {
        match place {
            Some(place) => self.send_part(place).await,
            None => match self.resume().await? {
                Some(place) => Ok(place),
                None => self.create().await,
            },
        }
    }

    /// The upload that was begun before, where the registry still has it.
    async fn resume(&mut self) -> Result<Option<Place>, Error> {
        let Some(address) = self.memory.recall().await else {
            return Ok(None);
        };
        let place = match self.own(&address) {
            Some(url) => self.look_up(url).await?,
            None => None,
        };
        if place.is_none() {
            self.memory.remember(None).await;
        }
        Ok(place)
    }

    /// An address of the same registry; credentials go nowhere else.
    fn own(&self, address: &str) -> Option<Url> {
        let url = self.client.url().join(address).ok()?;
        (url.origin() == self.client.url().origin()).then_some(url)
    }

    async fn look_up(&self, url: Url) -> Result<Option<Place>, Error> {
        let request = self.client.request_at(Method::HEAD, url.clone());
        let response = self.client.call(tus(request)).await;
        let headers = match response {
            Ok(response) => response.headers().clone(),
            Err(Error::Refused {
                status: 404 | 410, ..
            }) => return Ok(None),
            Err(error) => return Err(told_by_status(error)),
        };
        let length: u64 = header(REQUEST, &headers, LENGTH)?;
        let offset = self.offset(&headers)?;
        Ok((length == self.image.size).then_some(Place { url, offset }))
    }

    async fn create(&mut self) -> Result<Place, Error> {
        let request = tus(self.client.request(Method::POST, &["uploads"]))
            .header(LENGTH, self.image.size)
            .header(METADATA, metadata(&self.image.digest))
            .header(CONTENT_LENGTH, 0);
        let response = self.client.call(request).await?;
        let location: String = header(REQUEST, response.headers(), LOCATION.as_str())?;
        let url = self
            .own(&location)
            .ok_or_else(|| Error::malformed(REQUEST, format!("{location} is elsewhere")))?;
        let offset = if response.headers().contains_key(OFFSET) {
            self.offset(response.headers())?
        } else {
            0
        };
        if offset < self.image.size {
            self.memory.remember(Some(url.as_str())).await;
        }
        Ok(Place { url, offset })
    }

    async fn send_part(&self, place: Place) -> Result<Place, Error> {
        let length = PART.min(self.image.size - place.offset);
        let sent = Arc::new(AtomicU64::new(0));
        let body = pieces(Arc::clone(&self.file), place.offset, length, sent.clone());
        let request = tus(self.client.request_at(Method::PATCH, place.url.clone()))
            .header(CONTENT_TYPE, "application/offset+octet-stream")
            .header(OFFSET, place.offset)
            .header(CONTENT_LENGTH, length)
            .body(Body::wrap_stream(body));
        let response = self.while_moving(request, place.offset, &sent).await?;
        let offset = self.offset(response.headers())?;
        if offset <= place.offset {
            let reason = format!("a part was accepted, and the offset stays at {offset}");
            return Err(Error::malformed(REQUEST, reason));
        }
        Ok(Place {
            url: place.url,
            offset,
        })
    }

    /// Sends a part for as long as bytes move, and tells how far it is.
    async fn while_moving(
        &self,
        request: RequestBuilder,
        offset: u64,
        sent: &AtomicU64,
    ) -> Result<Response, Error> {
        const LOOK: Duration = Duration::from_millis(250);
        let stall = self.client.timeouts().stall;
        let mut call = std::pin::pin!(self.client.send(request, Duration::MAX));
        let mut idle = Duration::ZERO;
        let mut before = 0;
        loop {
            if let Ok(response) = tokio::time::timeout(LOOK, &mut call).await {
                return self.client.accepted(response?).await;
            }
            let now = sent.load(Ordering::Relaxed);
            self.progress.at(offset + now);
            idle = if now == before { idle + LOOK } else { LOOK };
            before = now;
            if idle >= stall {
                return Err(Error::Silent { limit: stall });
            }
        }
    }

    fn offset(&self, headers: &HeaderMap) -> Result<u64, Error> {
        let offset = header(REQUEST, headers, OFFSET)?;
        if offset > self.image.size {
            let reason = format!("the offset {offset} is behind the end");
            return Err(Error::malformed(REQUEST, reason));
        }
        Ok(offset)
    }

    /// What a refusal means for this upload.
    async fn explain(&mut self, error: Error) -> Error {
        match error.code() {
            Some(ErrorCode::DigestMismatch) => {
                self.memory.remember(None).await;
                let path = self.path.to_owned();
                Error::ImageDiffers { path }
            }
            // It expired under our hands: the next step makes another one.
            Some(ErrorCode::UploadNotFound) => {
                self.memory.remember(None).await;
                Error::Interrupted { source: None }
            }
            _ => error,
        }
    }
}

/// Refusals of HEAD have no body, so the status has to do. A conflict is one of offsets: the upload
/// has moved while the registry looked.
fn told_by_status(mut error: Error) -> Error {
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

/// The digest, in the form that tus gives to metadata.
fn metadata(digest: &Digest) -> String {
    format!("digest {}", BASE64_STANDARD.encode(digest.to_string()))
}
