use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, Write},
    sync::Arc,
    time::Duration,
};

use aar_fs::Sha256Hasher;
use aar_http::{Body, HeaderValue, Method, header};
use aar_types::Digest;
use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use hyper::ext::on_informational;
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};
use tokio_util::io::ReaderStream;

use super::{AmsClient, call::context};
use crate::{Error, Operation, headers};

const CHUNK: usize = 256 * 1024;
/// Pieces that are produced ahead of the one being sent.
const AHEAD: usize = 2;

/// The time to wait for `100 Continue` before the body is sent without it.
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(2);

/// The body of a package upload. It can be sent several times.
#[derive(Clone)]
pub struct PackageBody {
    content: PackageContent,
    digest: Option<Digest>,
    strict: bool,
}

#[derive(Clone)]
enum PackageContent {
    File { file: Arc<File>, length: u64 },
    Writer(Arc<WritePackage>),
}

type WritePackage = dyn Fn(&mut dyn Write) -> Result<(), BoxError> + Send + Sync;
type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BodyStream = BoxStream<'static, io::Result<Bytes>>;

impl PackageBody {
    /// A file without digest, for an AMS on this machine: a local socket does not damage it.
    pub fn from_file(file: File, length: u64) -> Self {
        let file = Arc::new(file);
        Self {
            content: PackageContent::File { file, length },
            digest: None,
            strict: false,
        }
    }

    /// A package for an AMS on this machine that a blocking function writes while it is sent.
    pub fn from_writer(
        write: impl Fn(&mut dyn Write) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            content: PackageContent::Writer(Arc::new(write)),
            digest: None,
            strict: false,
        }
    }

    /// A file with its SHA-256, for a remote AMS. The digest is sent before the content, so the file is
    /// read once before. `read` is called with the number of bytes read so far. Blocks.
    pub fn hashed(mut file: File, read: &dyn Fn(u64)) -> io::Result<Self> {
        file.rewind()?;
        let mut hasher = Sha256Hasher::new();
        let mut buffer = vec![0; CHUNK];
        let mut length = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            length += count as u64;
            read(length);
        }
        Ok(Self {
            digest: Some(hasher.finish()),
            ..Self::from_file(file, length)
        })
    }

    /// Sets whether AMS refuses the package if it has warnings.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// The SHA-256 that is sent to AMS.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    fn length(&self) -> Option<u64> {
        match self.content {
            PackageContent::File { length, .. } => Some(length),
            PackageContent::Writer(_) => None,
        }
    }

    /// Streams the content once `proceed` is notified, or after a time-out.
    fn body(&self, proceed: Arc<Notify>, sent: impl Fn(u64) + Send + 'static) -> io::Result<Body> {
        let pieces = match &self.content {
            PackageContent::File { file, length } => read_file(file, *length)?,
            PackageContent::Writer(write) => read_writer(Arc::clone(write)),
        };
        let mut position = 0;
        let pieces = pieces.inspect_ok(move |piece| {
            position += piece.len() as u64;
            sent(position);
        });
        let wait = async move { drop(timeout(CONTINUE_TIMEOUT, proceed.notified()).await) };
        Ok(Body::from_stream(wait.map(|()| pieces).flatten_stream()))
    }
}

/// Stops at the announced length, even if the file grows.
fn read_file(file: &File, length: u64) -> io::Result<BodyStream> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    let file = tokio::io::AsyncReadExt::take(tokio::fs::File::from_std(file), length);
    Ok(ReaderStream::with_capacity(file, CHUNK).boxed())
}

/// Runs `write` on a thread, which waits until each piece is taken. It starts with the first poll.
fn read_writer(write: Arc<WritePackage>) -> BodyStream {
    let start = async move {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            let mut out = BufWriter::with_capacity(CHUNK, ChannelWriter(Some(sender.clone())));
            let result = write(&mut out).and_then(|()| Ok(out.flush()?));
            // The receiver is dropped if the request has ended early.
            let _ = sender.blocking_send(match result {
                Ok(()) => WriterMessage::End,
                Err(error) => WriterMessage::Failed(io::Error::other(error)),
            });
        });
        stream::unfold(Some(receiver), |receiver| async {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(WriterMessage::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
                Some(WriterMessage::End) => None,
                Some(WriterMessage::Failed(error)) => Some((Err(error), None)),
                // The thread has panicked: the package is incomplete.
                None => Some((Err(io::Error::other("the package is incomplete")), None)),
            }
        })
    };
    start.flatten_stream().boxed()
}

enum WriterMessage {
    Bytes(Bytes),
    End,
    Failed(io::Error),
}

/// Sends the written bytes. Without a receiver, the first write fails and later ones are ignored.
struct ChannelWriter(Option<mpsc::Sender<WriterMessage>>);

impl Write for ChannelWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An archive that is dropped writes its end; a second failure there would be lost.
        if let Some(sender) = &self.0
            && sender
                .blocking_send(WriterMessage::Bytes(Bytes::copy_from_slice(bytes)))
                .is_err()
        {
            self.0 = None;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AmsClient {
    pub(super) async fn upload(
        &self,
        method: Method,
        path: &str,
        package: &PackageBody,
        sent: impl Fn(u64) + Send + 'static,
    ) -> Result<Operation, Error> {
        let context = context(&method, path);
        let proceed = Arc::new(Notify::new());
        let body = package.body(Arc::clone(&proceed), sent)?;
        let mut request = self.request(method, path, body)?;
        // AMS may refuse an upload and close the connection. A response that arrives while the body is
        // still being sent can be lost, so the client waits for `100 Continue` before it sends the body.
        on_informational(&mut request, move |_| proceed.notify_one());
        let fields = request.headers_mut();
        fields.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        if let Some(length) = package.length() {
            fields.insert(header::CONTENT_LENGTH, length.into());
        }
        let octets = HeaderValue::from_static("application/octet-stream");
        fields.insert(header::CONTENT_TYPE, octets);
        if let Some(digest) = package.digest {
            let digest = HeaderValue::from_str(&digest.to_string());
            fields.insert(headers::FINGERPRINT, digest.map_err(io::Error::other)?);
        }
        let details = if package.strict {
            r#"{"strict":true}"#
        } else {
            "{}"
        };
        fields.insert(headers::REQUEST, HeaderValue::from_static(details));
        self.submit(&context, request).await
    }
}
