//! An HTTP server with canned responses, over a Unix socket or TLS.

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

pub(crate) type TestResponse = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// A request with its whole body.
pub(crate) struct TestRequest {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The client certificate.
    pub(crate) caller: Option<Certificate>,
}

/// The responses of the server. The websocket sends the events and closes.
pub(crate) trait FakeAms: Send + Sync + 'static {
    fn respond(&self, request: TestRequest) -> TestResponse;

    fn events(&self) -> Option<BoxStream<'static, Event>> {
        None
    }

    /// Whether it reads the body before it responds.
    fn reads_bodies(&self) -> bool {
        true
    }
}

impl<F: Fn(TestRequest) -> TestResponse + Send + Sync + 'static> FakeAms for F {
    fn respond(&self, request: TestRequest) -> TestResponse {
        self(request)
    }
}

/// Runs until it is dropped.
pub(crate) struct TestServer {
    pub(crate) client: AmsClient,
    pub(crate) folder: TempDir,
    task: JoinHandle<()>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TestServer {
    pub(crate) fn on_socket(ams: impl FakeAms) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("unix.socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let ams: Arc<dyn FakeAms> = Arc::new(ams);
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

    /// Listens on loopback. `pin` maps the server's fingerprint to the one that the client pins.
    pub(crate) async fn on_tls(
        ams: impl FakeAms,
        pin: impl Fn(Fingerprint) -> Fingerprint,
    ) -> Self {
        let server = identity("ams");
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = TlsListener::bind(address, &server, Limits::default());
        let mut listener = listener.await.unwrap();
        let url = format!("https://{}", listener.local_addr());
        let ams: Arc<dyn FakeAms> = Arc::new(ams);
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

async fn serve<S>(stream: S, caller: Option<Certificate>, ams: Arc<dyn FakeAms>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| handle(request, caller.clone(), Arc::clone(&ams)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // The client may close the connection first.
    drop(connection.with_upgrades().await);
}

async fn handle(
    request: Request<Incoming>,
    caller: Option<Certificate>,
    ams: Arc<dyn FakeAms>,
) -> Result<TestResponse, Infallible> {
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
    let request = TestRequest {
        target: head.uri.to_string(),
        headers: head.headers,
        body,
        caller,
    };
    Ok(ams.respond(request))
}

fn websocket(request: Request<Incoming>, mut events: BoxStream<'static, Event>) -> TestResponse {
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
    let mut response = bytes(StatusCode::SWITCHING_PROTOCOLS, Bytes::new());
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept.parse().unwrap());
    response
}

pub(crate) fn bytes(status: StatusCode, body: Bytes) -> TestResponse {
    let body = Full::new(body).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}

/// A response whose body ends early, after the given part.
pub(crate) fn cut(part: &'static [u8], announced: usize) -> TestResponse {
    let part = stream::once(async move { Ok(Frame::data(Bytes::from_static(part))) });
    let end = stream::once(async {
        // Lets the server send the part before it drops the connection.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::other("cut by the test"))
    });
    let body = StreamBody::new(part.chain(end));
    let mut response = Response::new(body.boxed_unsync());
    let length = HeaderValue::from(announced);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length);
    response
}

pub(crate) fn sync(metadata: &Value) -> TestResponse {
    let frame = json!({
        "type": "sync", "status": "Success", "status_code": 200, "metadata": metadata,
    });
    bytes(StatusCode::OK, frame.to_string().into())
}

pub(crate) fn started(operation: &Operation) -> TestResponse {
    let frame = json!({
        "type": "async", "status": "Operation created", "status_code": 100,
        "operation": Operation::url(operation.id), "metadata": operation,
    });
    bytes(StatusCode::ACCEPTED, frame.to_string().into())
}

pub(crate) fn refused(status: u16, message: &str) -> TestResponse {
    let body = json!({"type": "error", "error_code": status, "error": message});
    let status = StatusCode::from_u16(status).unwrap();
    bytes(status, body.to_string().into())
}

/// An operation in the given status, last updated that many seconds after its start.
pub(crate) fn operation(status_code: u16, err: &str, seconds: i64) -> Operation {
    let start = Timestamp::from_second(1_700_000_000).unwrap();
    let operation = json!({
        "id": "bc85137b-b20d-470a-a6ea-daa9a2b8506a",
        "class": "task",
        "description": "creating an application",
        "created_at": start,
        "updated_at": start + SignedDuration::from_secs(seconds),
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

/// Records facts about requests for assertions.
#[derive(Clone)]
pub(crate) struct Recorder<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Recorder<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Recorder<T> {
    pub(crate) fn record(&self, value: T) {
        self.0.lock().unwrap().push(value);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}
