//! A small HTTP server that answers as a test says, over a unix socket or TLS.

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use aar_tls::{Certificate, Identity, Limits, NewIdentity, TlsListener};
use aar_types::{Clock, Fingerprint};
use ams_api::{AmsClient, Endpoint, Event, Operation};
use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{self, BoxStream},
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Frame, body::Incoming, server::conn::http1, service::service_fn, upgrade};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixListener,
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// A request that has arrived as a whole.
pub(crate) struct Asked {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The certificate that the caller shows.
    pub(crate) caller: Option<Certificate>,
}

/// How a test answers. Events are what the websocket tells before it closes.
pub(crate) trait Ams: Send + Sync + 'static {
    fn answer(&self, asked: Asked) -> Answer;

    fn events(&self) -> Option<BoxStream<'static, Event>> {
        None
    }

    /// Whether it answers only when the request has arrived as a whole.
    fn reads_bodies(&self) -> bool {
        true
    }
}

impl<F: Fn(Asked) -> Answer + Send + Sync + 'static> Ams for F {
    fn answer(&self, asked: Asked) -> Answer {
        self(asked)
    }
}

/// A server that runs as long as it is held.
pub(crate) struct Server {
    pub(crate) client: AmsClient,
    pub(crate) folder: TempDir,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) fn on_socket(ams: impl Ams) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("unix.socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let ams: Arc<dyn Ams> = Arc::new(ams);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, None, Arc::clone(&ams)));
            }
        });
        Self {
            client: client(Endpoint::Socket(socket)),
            folder,
            task,
        }
    }

    /// Listens on loopback. The client pins what `pin` makes of the server's certificate.
    pub(crate) async fn on_tls(ams: impl Ams, pin: impl Fn(Fingerprint) -> Fingerprint) -> Self {
        let server = identity("ams");
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = TlsListener::bind(address, &server, Limits::default());
        let mut listener = listener.await.unwrap();
        let url = format!("https://{}", listener.local_addr());
        let ams: Arc<dyn Ams> = Arc::new(ams);
        let task = tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await;
                tokio::spawn(serve(stream, peer.certificate, Arc::clone(&ams)));
            }
        });
        let endpoint = Endpoint::Remote {
            url: url.parse().unwrap(),
            server: pin(server.certificate().fingerprint()),
            identity: identity("amc"),
        };
        Self {
            client: client(endpoint),
            folder: tempfile::tempdir().unwrap(),
            task,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub(crate) fn client(endpoint: Endpoint) -> AmsClient {
    AmsClient::new(endpoint, "test/1", Clock::system()).unwrap()
}

fn identity(name: &str) -> Identity {
    let now = Clock::system().now();
    Identity::generate(&NewIdentity {
        common_name: name.to_owned(),
        hosts: Vec::new(),
        not_before: now - SignedDuration::from_hours(1),
        not_after: now + SignedDuration::from_hours(1),
    })
    .unwrap()
}

async fn serve<S>(stream: S, caller: Option<Certificate>, ams: Arc<dyn Ams>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| respond(request, caller.clone(), Arc::clone(&ams)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A test that ends drops its side first.
    drop(connection.with_upgrades().await);
}

async fn respond(
    request: Request<Incoming>,
    caller: Option<Certificate>,
    ams: Arc<dyn Ams>,
) -> Result<Answer, Infallible> {
    if request.uri().path() == "/1.0/events"
        && let Some(events) = ams.events()
    {
        return Ok(websocket(request, events));
    }
    let (head, body) = request.into_parts();
    let body = if ams.reads_bodies() {
        body.collect().await.unwrap().to_bytes()
    } else {
        Bytes::new()
    };
    let asked = Asked {
        target: head.uri.to_string(),
        headers: head.headers,
        body,
        caller,
    };
    Ok(ams.answer(asked))
}

fn websocket(request: Request<Incoming>, mut events: BoxStream<'static, Event>) -> Answer {
    let key = &request.headers()[header::SEC_WEBSOCKET_KEY];
    let accept = derive_accept_key(key.as_bytes());
    tokio::spawn(async move {
        let io = TokioIo::new(upgrade::on(request).await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        while let Some(event) = events.next().await {
            let text = serde_json::to_string(&event).unwrap();
            if socket.send(Message::text(text)).await.is_err() {
                return;
            }
        }
        drop(socket.close(None).await);
    });
    let mut answer = bytes(StatusCode::SWITCHING_PROTOCOLS, Bytes::new());
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept.parse().unwrap());
    answer
}

pub(crate) fn bytes(status: StatusCode, body: Bytes) -> Answer {
    let body = Full::new(body).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    answer
}

/// An answer whose body breaks off after the given part.
pub(crate) fn broken(part: &'static [u8], announced: usize) -> Answer {
    let part = stream::once(async move { Ok(Frame::data(Bytes::from_static(part))) });
    let end = stream::once(async {
        // What was sent before has to be on its way, or the server drops it with the connection.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::other("broken on purpose"))
    });
    let body = StreamBody::new(part.chain(end));
    let mut answer = Response::new(body.boxed_unsync());
    let length = HeaderValue::from(announced);
    answer.headers_mut().insert(header::CONTENT_LENGTH, length);
    answer
}

pub(crate) fn sync(metadata: &Value) -> Answer {
    let frame = json!({
        "type": "sync", "status": "Success", "status_code": 200, "metadata": metadata,
    });
    bytes(StatusCode::OK, frame.to_string().into())
}

pub(crate) fn begun(operation: &Operation) -> Answer {
    let frame = json!({
        "type": "async", "status": "Operation created", "status_code": 100,
        "operation": Operation::url(operation.id), "metadata": operation,
    });
    bytes(StatusCode::ACCEPTED, frame.to_string().into())
}

pub(crate) fn refused(status: u16, message: &str) -> Answer {
    let body = json!({"type": "error", "error_code": status, "error": message});
    let status = StatusCode::from_u16(status).unwrap();
    bytes(status, body.to_string().into())
}

/// An operation in the given status, changed that many seconds after it began.
pub(crate) fn operation(status_code: u16, err: &str, seconds: i64) -> Operation {
    let begun = Timestamp::from_second(1_700_000_000).unwrap();
    let operation = json!({
        "id": "bc85137b-b20d-470a-a6ea-daa9a2b8506a",
        "class": "task",
        "description": "creating an application",
        "created_at": begun,
        "updated_at": begun + SignedDuration::from_secs(seconds),
        "status": "",
        "status_code": status_code,
        "resources": {"applications": ["/1.0/applications/bkmtdm9hpuo01q954fng"]},
        "metadata": null,
        "err": err,
    });
    serde_json::from_value(operation).unwrap()
}

pub(crate) fn event(operation: &Operation) -> Event {
    let event = json!({
        "type": "operation", "timestamp": operation.updated_at, "metadata": operation,
    });
    serde_json::from_value(event).unwrap()
}

/// What a test keeps of what it was asked.
#[derive(Clone)]
pub(crate) struct Kept<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Kept<T> {
    pub(crate) fn keep(&self, value: T) {
        self.0.lock().unwrap().push(value);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}
