use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, Write},
    sync::Arc,
    time::Duration,
};

use aar_types::Digest;
use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use http::{HeaderValue, Method, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::ext::on_informational;
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};
use tokio_util::io::ReaderStream;

use super::{AmsClient, call::Outgoing, call::context};
use crate::{Error, Operation, headers};

const CHUNK: usize = 256 * 1024;
/// Pieces that are made before the ones before them are sent.
const AHEAD: usize = 2;

/// How long AMS may take to say that it wants a package, before it is sent all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// A package that is ready to be uploaded.
#[derive(Clone)]
pub struct Package {
    content: Content,
    digest: Option<Digest>,
}

/// Where the bytes come from.
#[derive(Clone)]
enum Content {
    File { file: Arc<File>, length: u64 },
    Made(Arc<Make>),
}

type Make = dyn Fn(&mut dyn Write) -> Result<(), Cause> + Send + Sync;
/// Why a package cannot be made.
type Cause = Box<dyn std::error::Error + Send + Sync>;
/// What a body consists of.
type Pieces = BoxStream<'static, io::Result<Bytes>>;

impl Package {
    /// A file for an AMS on this machine: nothing can happen to it on the way.
    pub fn local(file: File, length: u64) -> Self {
        let file = Arc::new(file);
        Self {
            content: Content::File { file, length },
            digest: None,
        }
    }

    /// A package for an AMS on this machine that is made while it is sent, by a function that blocks.
    pub fn made(
        make: impl Fn(&mut dyn Write) -> Result<(), Cause> + Send + Sync + 'static,
    ) -> Self {
        Self {
            content: Content::Made(Arc::new(make)),
            digest: None,
        }
    }

    /// A package for an AMS elsewhere, which is told its SHA-256 before the first byte. So the file is
    /// read through beforehand; `read` hears how many bytes are done. Blocks.
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
        let digest = Digest::from_bytes(hash.finalize().into());
        Ok(Self {
            digest: Some(digest),
            ..Self::local(file, length)
        })
    }

    /// Its SHA-256, where AMS is told.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    fn length(&self) -> Option<u64> {
        match self.content {
            Content::File { length, .. } => Some(length),
            Content::Made(_) => None,
        }
    }

    /// The content, from the moment that it is wanted.
    fn body(
        &self,
        wanted: Arc<Notify>,
        sent: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Outgoing> {
        let pieces = match &self.content {
            Content::File { file, length } => read_pieces(file, *length)?,
            Content::Made(make) => made_pieces(Arc::clone(make)),
        };
        let mut position = 0;
        let frames = pieces.map_ok(move |piece| {
            position += piece.len() as u64;
            sent(position);
            Frame::data(piece)
        });
        let wait = async move { drop(timeout(PATIENCE, wanted.notified()).await) };
        let body = wait.map(|()| frames).flatten_stream();
        Ok(StreamBody::new(body).boxed_unsync())
    }
}

/// A file that grows meanwhile must not make the body longer than announced.
fn read_pieces(file: &File, length: u64) -> io::Result<Pieces> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    let file = tokio::io::AsyncReadExt::take(tokio::fs::File::from_std(file), length);
    Ok(ReaderStream::with_capacity(file, CHUNK).boxed())
}

/// A thread makes pieces and waits for each to be taken. It begins when the first one is asked for.
fn made_pieces(make: Arc<Make>) -> Pieces {
    let begin = async move {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            let mut out = BufWriter::with_capacity(CHUNK, Out(Some(sender.clone())));
            let outcome = make(&mut out).and_then(|()| Ok(out.flush()?));
            // Nobody listens where the request has ended before.
            let _ = sender.blocking_send(match outcome {
                Ok(()) => Piece::End,
                Err(cause) => Piece::Failed(io::Error::other(cause)),
            });
        });
        stream::unfold(Some(receiver), |receiver| async {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
                Some(Piece::End) => None,
                Some(Piece::Failed(error)) => Some((Err(error), None)),
                // What ends without an end is not whole, and must not look as if it were.
                None => Some((Err(io::Error::other("the package was not finished")), None)),
            }
        })
    };
    begin.flatten_stream().boxed()
}

/// What the thread that makes a package passes on.
enum Piece {
    Bytes(Bytes),
    End,
    Failed(io::Error),
}

/// Passes on what is written to it, as long as somebody listens.
struct Out(Option<mpsc::Sender<Piece>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // It is told once that nobody listens; what an archive writes to end itself is of no use then.
        if let Some(listener) = &self.0
            && listener
                .blocking_send(Piece::Bytes(Bytes::copy_from_slice(bytes)))
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
        if let Some(length) = package.length() {
            fields.insert(header::CONTENT_LENGTH, length.into());
        }
        let octets = HeaderValue::from_static("application/octet-stream");
        fields.insert(header::CONTENT_TYPE, octets);
        if let Some(digest) = package.digest {
            let digest = HeaderValue::from_str(&digest.to_string());
            fields.insert(headers::FINGERPRINT, digest.map_err(io::Error::other)?);
        }
        fields.insert(headers::REQUEST, HeaderValue::from_static("{}"));
        self.submit(&context, request).await
    }
}
