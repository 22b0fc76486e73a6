use std::{
    fs::File,
    io::{self, Read, Seek},
    sync::Arc,
    time::Duration,
};

use aar_types::Digest;
use bytes::Bytes;
use futures_util::{FutureExt, TryStreamExt};
use http::{HeaderValue, Method, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::ext::on_informational;
use sha2::{Digest as _, Sha256};
use tokio::{sync::Notify, time::timeout};
use tokio_util::io::ReaderStream;

use super::{AmsClient, call::Outgoing, call::context};
use crate::{Error, Operation, headers};

const CHUNK: usize = 256 * 1024;

/// How long AMS may take to say that it wants a package, before it is sent all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// A package that is ready to be uploaded. AMS wants to know its SHA-256 before the first byte, so
/// it is read once beforehand.
#[derive(Debug, Clone)]
pub struct Package {
    file: Arc<File>,
    length: u64,
    digest: Digest,
}

impl Package {
    /// Reads a file through. `read` hears how many bytes are done. Blocks.
    pub fn read(mut file: File, read: &dyn Fn(u64)) -> io::Result<Self> {
        file.rewind()?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        let mut length = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            length += count as u64;
            read(length);
        }
        Ok(Self {
            file: Arc::new(file),
            length,
            digest: Digest::from_bytes(hash.finalize().into()),
        })
    }

    /// How long it is in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Its SHA-256.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The content, from the moment that it is wanted.
    fn body(
        &self,
        wanted: Arc<Notify>,
        sent: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Outgoing> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        // A file that grows meanwhile must not make the body longer than announced.
        let file = tokio::io::AsyncReadExt::take(tokio::fs::File::from_std(file), self.length);
        let mut position = 0;
        let frames = ReaderStream::with_capacity(file, CHUNK).map_ok(move |chunk: Bytes| {
            position += chunk.len() as u64;
            sent(position);
            Frame::data(chunk)
        });
        let wait = async move { drop(timeout(PATIENCE, wanted.notified()).await) };
        let body = wait.map(|()| frames).flatten_stream();
        Ok(StreamBody::new(body).boxed_unsync())
    }
}

impl AmsClient {
    pub(super) async fn upload(
        &self,
        method: Method,
        path: &str,
        package: &Package,
        sent: impl Fn(u64) + Send + 'static,
    ) -> Result<Operation, Error> {
        let context = context(&method, path);
        let wanted = Arc::new(Notify::new());
        let body = package.body(Arc::clone(&wanted), sent)?;
        let mut request = self.request(method, path, body)?;
        // Who refuses closes the connection, and what it has said can get lost behind what is still
        // being sent. So AMS is asked first: it says no, or to continue.
        on_informational(&mut request, move |_| wanted.notify_one());
        let fields = request.headers_mut();
        fields.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        fields.insert(header::CONTENT_LENGTH, package.length.into());
        let octets = HeaderValue::from_static("application/octet-stream");
        fields.insert(header::CONTENT_TYPE, octets);
        let digest = HeaderValue::from_str(&package.digest.to_string());
        fields.insert(headers::FINGERPRINT, digest.map_err(io::Error::other)?);
        fields.insert(headers::REQUEST, HeaderValue::from_static("{}"));
        self.submit(&context, request).await
    }
}
