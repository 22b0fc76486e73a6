//! An HTTP/1.1 server over TLS that responds by a closure and can cut or stall a response.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use aar_tls::{Limits, Peer, TlsListener};
use aar_types::Fingerprint;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Method, Request, Response,
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use url::Url;

#[derive(Debug, Clone)]
pub(crate) struct ReceivedRequest {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) certificate: Option<Fingerprint>,
    /// The id of the connection.
    pub(crate) connection: u64,
}

impl ReceivedRequest {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A response and its fault.
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The connection is cut after this number of bytes of the body.
    pub(crate) cut_after: Option<usize>,
    /// The body stalls after this number of bytes, for this time.
    pub(crate) stall_after: Option<(usize, Duration)>,
    /// The time that each chunk takes.
    pub(crate) chunk_time: Duration,
}

impl TestResponse {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            cut_after: None,
            stall_after: None,
            chunk_time: Duration::ZERO,
        }
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self {
            body: Bytes::copy_from_slice(body.as_bytes()),
            ..Self::status(status)
        }
    }

    pub(crate) fn refusal(status: u16, code: &str) -> Self {
        let body =
            format!(r#"{{"type":"error","error_code":{status},"error":"no","code":"{code}"}}"#);
        Self::json(status, &body)
    }

    pub(crate) fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

pub(crate) type ResponseFuture = Pin<Box<dyn Future<Output = TestResponse> + Send>>;
pub(crate) type Handler =
    Arc<dyn Fn(ReceivedRequest, Incoming, Peer) -> ResponseFuture + Send + Sync>;

/// Stops when it is dropped.
pub(crate) struct Server {
    address: std::net::SocketAddr,
    fingerprint: Fingerprint,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A server that responds without reading bodies.
    pub(crate) async fn responding(
        respond: impl Fn(&ReceivedRequest) -> TestResponse + Send + Sync + 'static,
    ) -> Self {
        Self::responding_at("127.0.0.1:0", respond).await
    }

    /// The same, on an address.
    pub(crate) async fn responding_at(
        address: &str,
        respond: impl Fn(&ReceivedRequest) -> TestResponse + Send + Sync + 'static,
    ) -> Self {
        let handler = Arc::new(move |request, _, _| {
            let response = respond(&request);
            Box::pin(std::future::ready(response)) as ResponseFuture
        });
        Self::start_at(address, handler).await
    }

    pub(crate) async fn start(handler: Handler) -> Self {
        Self::start_at("127.0.0.1:0", handler).await
    }

    async fn start_at(address: &str, handler: Handler) -> Self {
        let identity = super::identity("server");
        let address = address.parse().unwrap();
        let mut listener = TlsListener::bind(address, &identity, Limits::default())
            .await
            .unwrap();
        let address = listener.local_addr();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await;
                let (handler, requests) = (Arc::clone(&handler), Arc::clone(&received));
                tokio::spawn(async move {
                    let service = service_fn(|request| serve(&handler, &requests, &peer, request));
                    let http = hyper::server::conn::http1::Builder::new();
                    // A connection that a fault cuts ends with an error.
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self {
            address,
            fingerprint: identity.certificate().fingerprint(),
            requests,
            task,
        }
    }

    pub(crate) fn url(&self) -> Url {
        format!("https://{}/", self.address).parse().unwrap()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The requests received so far.
    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().unwrap().clone()
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

async fn serve(
    handler: &Handler,
    requests: &Mutex<Vec<ReceivedRequest>>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let received = ReceivedRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        certificate: peer.fingerprint(),
        connection: peer.id(),
    };
    requests.lock().unwrap().push(received.clone());
    Ok(respond(handler(received, body, peer.clone()).await))
}

fn respond(response: TestResponse) -> Response<Body> {
    let status = response.status;
    let mut head = Response::builder().status(status);
    let has_length = response
        .headers
        .iter()
        .any(|(name, _)| matches!(name.as_str(), "content-length" | "transfer-encoding"));
    for (name, value) in &response.headers {
        head = head.header(name, value);
    }
    if !has_length && status != 304 && status != 204 {
        head = head.header("content-length", response.body.len());
    }
    head.body(body(response)).unwrap()
}

/// The body in small chunks, with its fault.
fn body(response: TestResponse) -> Body {
    const CHUNK: usize = 10_000;
    let chunk_time = response.chunk_time;
    let state = (
        response.body,
        0_usize,
        response.cut_after,
        response.stall_after,
    );
    let chunks = stream::unfold(state, move |(body, sent, cut, stall)| async move {
        if cut.is_some_and(|cut| sent >= cut) {
            // Otherwise the reset would arrive before the bytes.
            tokio::time::sleep(Duration::from_millis(5)).await;
            let broken = io::Error::other("cut");
            return Some((Err(broken), (body, sent, cut, stall)));
        }
        if let Some((after, pause)) = stall
            && sent >= after
        {
            tokio::time::sleep(pause).await;
        }
        if sent >= body.len() {
            return None;
        }
        if !chunk_time.is_zero() {
            tokio::time::sleep(chunk_time).await;
        }
        let limits = [
            cut.unwrap_or(usize::MAX),
            stall.map_or(usize::MAX, |(after, _)| after),
        ];
        let limit = limits.into_iter().filter(|limit| *limit > sent).min();
        let end = body
            .len()
            .min(sent + CHUNK)
            .min(limit.unwrap_or(usize::MAX));
        let chunk = Frame::data(body.slice(sent..end));
        let stall = stall.filter(|(after, _)| sent < *after);
        Some((Ok(chunk), (body, end, cut, stall)))
    });
    StreamBody::new(chunks).boxed_unsync()
}
