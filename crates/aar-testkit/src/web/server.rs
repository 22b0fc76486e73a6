//! The HTTP server that every server here runs on.

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

use super::RecordedRequest;
use crate::{
    http::{RUNTIME, run},
    ports::ANY_PORT,
};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;
/// An error ends the connection without a response, or in the middle of one.
pub(super) type HttpResult = io::Result<Response<Body>>;
pub(super) type HttpFuture = Pin<Box<dyn Future<Output = HttpResult> + Send>>;
pub(super) type Handler =
    Arc<dyn Fn(Request<Incoming>, RecordedRequest) -> HttpFuture + Send + Sync>;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(super) struct HttpServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpServer {
    pub(super) fn start(handler: Handler) -> Self {
        let listener = run(TcpListener::bind(ANY_PORT)).unwrap();
        let address = listener.local_addr().unwrap();
        let task = RUNTIME.spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve_connection(stream, Arc::clone(&handler), false));
                }
            }
        });
        Self { address, task }
    }

    /// Serves HTTPS and requests, but does not require, a client certificate.
    pub(super) fn start_tls(identity: &Identity, handler: Handler) -> Self {
        let bind = TlsListener::bind(ANY_PORT, identity, Limits::default());
        let mut listener = run(bind).unwrap();
        let address = listener.local_addr();
        let task = RUNTIME.spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await;
                let has_certificate = peer.certificate.is_some();
                tokio::spawn(serve_connection(
                    stream,
                    Arc::clone(&handler),
                    has_certificate,
                ));
            }
        });
        Self { address, task }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve_connection<S>(stream: S, handler: Handler, has_certificate: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let recorded = RecordedRequest::of(&request, has_certificate);
        handler(request, recorded)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // It ends with the client, or with a fault.
    let _ended = connection.await;
}

/// A response that this server creates itself.
pub(super) fn respond(status: u16, content: impl Into<Bytes>) -> HttpResult {
    let body = Full::new(content.into()).map_err(|never| match never {});
    let response = Response::builder().status(status);
    response.body(body.boxed_unsync()).map_err(io::Error::other)
}
