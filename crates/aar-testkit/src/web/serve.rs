//! The loop of every server here.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc};

use aar_tls::{Identity, Limits, TlsListener};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinHandle,
};

use super::Seen;
use crate::{
    http::{RUNTIME, run},
    ports::ANY_PORT,
};

/// Why a connection ends without an answer, or in the middle of one.
pub(super) type Failure = io::Error;
pub(super) type Body = UnsyncBoxBody<Bytes, Failure>;
pub(super) type Answer = Result<Response<Body>, Failure>;
pub(super) type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;
/// What answers a request. An error ends the connection.
pub(super) type Handler = Arc<dyn Fn(Request<Incoming>, Seen) -> Answering + Send + Sync>;

/// A server that serves until it is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Serving {
    /// Begins to serve plain HTTP.
    pub(super) fn plain(handler: Handler) -> Self {
        let listener = run(TcpListener::bind(ANY_PORT)).unwrap();
        let address = listener.local_addr().unwrap();
        let task = RUNTIME.spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(talk(stream, Arc::clone(&handler), false));
                }
            }
        });
        Self { address, task }
    }

    /// Begins to serve HTTPS; whoever has a certificate to show is asked for it.
    pub(super) fn tls(identity: &Identity, handler: Handler) -> Self {
        let bind = TlsListener::bind(ANY_PORT, identity, Limits::default());
        let mut listener = run(bind).unwrap();
        let address = listener.local_addr();
        let task = RUNTIME.spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await;
                let shown = peer.certificate.is_some();
                tokio::spawn(talk(stream, Arc::clone(&handler), shown));
            }
        });
        Self { address, task }
    }

    /// Where.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk<S>(stream: S, handler: Handler, certificate: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let seen = Seen::of(&request, certificate);
        handler(request, seen)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // It ends where the other side ends it, and where a fault says so.
    let _ended = connection.await;
}

/// An answer that is made up here.
pub(super) fn say(status: u16, content: impl Into<Bytes>) -> Answer {
    let body = Full::new(content.into()).map_err(|never| match never {});
    let answer = Response::builder().status(status);
    answer.body(body.boxed_unsync()).map_err(io::Error::other)
}
