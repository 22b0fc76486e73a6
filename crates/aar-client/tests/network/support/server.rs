//! An HTTP/1.1 server over TLS whose answers are closures, and which can cut an answer anywhere.

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
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use url::Url;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) certificate: Option<Fingerprint>,
    /// Which connection it came on.
    pub(crate) connection: u64,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer, and how it arrives.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The body breaks off after so many bytes.
    pub(crate) cut_after: Option<usize>,
    /// The body stands still after so many bytes, for so long.
    pub(crate) stall_after: Option<(usize, Duration)>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            cut_after: None,
            stall_after: None,
        }
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self {
            body: Bytes::copy_from_slice(body.as_bytes()),
            ..Self::status(status)
        }
    }

    /// A refusal in the registry's form.
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

pub(crate) type Answer = Pin<Box<dyn Future<Output = Reply> + Send>>;
pub(crate) type Handler = Arc<dyn Fn(Seen, Incoming, Peer) -> Answer + Send + Sync>;

/// The server. It ends with its owner.
pub(crate) struct Server {
    address: std::net::SocketAddr,
    fingerprint: Fingerprint,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// One that answers without looking at bodies.
    pub(crate) async fn answering(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::start(Arc::new(move |seen, _, _| {
            let reply = answer(&seen);
            Box::pin(std::future::ready(reply))
        }))
        .await
    }

    pub(crate) async fn start(handler: Handler) -> Self {
        let identity = super::identity("server");
        let any = "127.0.0.1:0".parse().unwrap();
        let mut listener = TlsListener::bind(any, &identity, Limits::default())
            .await
            .unwrap();
        let address = listener.local_addr();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await;
                let (handler, seen) = (Arc::clone(&handler), Arc::clone(&kept));
                tokio::spawn(async move {
                    let service = service_fn(|request| serve(&handler, &seen, &peer, request));
                    let http = hyper::server::conn::http1::Builder::new();
                    // A connection that was cut on purpose ends with an error.
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self {
            address,
            fingerprint: identity.certificate().fingerprint(),
            seen,
            task,
        }
    }

    pub(crate) fn url(&self) -> Url {
        format!("https://{}/", self.address).parse().unwrap()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

async fn serve(
    handler: &Handler,
    seen: &Mutex<Vec<Seen>>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let asked = Seen {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        certificate: peer.fingerprint(),
        connection: peer.id(),
    };
    seen.lock().unwrap().push(asked.clone());
    Ok(respond(handler(asked, body, peer.clone()).await))
}

fn respond(reply: Reply) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).unwrap());
    let has_length = reply
        .headers
        .iter()
        .any(|(name, _)| matches!(name.as_str(), "content-length" | "transfer-encoding"));
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    if !has_length && reply.status != 304 && reply.status != 204 {
        response = response.header("content-length", reply.body.len());
    }
    response.body(body(reply)).unwrap()
}

/// The body in small pieces, with its accident.
fn body(reply: Reply) -> Body {
    const PIECE: usize = 10_000;
    let state = (reply.body, 0_usize, reply.cut_after, reply.stall_after);
    let pieces = stream::unfold(state, |(body, sent, cut, stall)| async move {
        if cut.is_some_and(|cut| sent >= cut) {
            // Let what was sent arrive: a reset would overtake it.
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
        let limits = [
            cut.unwrap_or(usize::MAX),
            stall.map_or(usize::MAX, |(after, _)| after),
        ];
        let limit = limits.into_iter().filter(|limit| *limit > sent).min();
        let end = body
            .len()
            .min(sent + PIECE)
            .min(limit.unwrap_or(usize::MAX));
        let piece = Frame::data(body.slice(sent..end));
        let stall = stall.filter(|(after, _)| sent < *after);
        Some((Ok(piece), (body, end, cut, stall)))
    });
    StreamBody::new(pieces).boxed_unsync()
}
