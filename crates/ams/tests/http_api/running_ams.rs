//! A running AMS and its callers.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use aar_daemon::serve::bind_unix;
use aar_tls::{Identity, Limits, NewIdentity, ServerTrust, TlsListener, client_config};
use aar_types::{Clock, Fingerprint, ManualClock};
use ams::{
    Ams, Settings,
    http::{MetricsListener, Server},
};
use ams_api::{Operation, StatusCode as OperationStatus};
use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

/// An AMS that serves until it is dropped.
pub(crate) struct RunningAms {
    pub(crate) ams: Ams,
    pub(crate) clock: ManualClock,
    folder: tempfile::TempDir,
    server: Fingerprint,
    port: u16,
    /// The address of the metrics.
    pub(crate) metrics: Option<SocketAddr>,
    drain: CancellationToken,
    serving: JoinHandle<()>,
}

/// The origin of a request.
#[derive(Clone)]
pub(crate) enum Caller {
    Local,
    /// HTTPS, with or without a certificate.
    Remote(Option<Identity>),
}

/// A response with its body.
#[derive(Debug)]
pub(crate) struct FullResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl FullResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn metadata(&self) -> Value {
        self.json()["metadata"].clone()
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().unwrap()
    }
}

impl Drop for RunningAms {
    fn drop(&mut self) {
        self.drain.cancel();
        self.serving.abort();
    }
}

impl RunningAms {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// Starts a new AMS with the current time, so that other programs accept its certificates.
    pub(crate) async fn at_present() -> Self {
        Self::at(Clock::system().now(), Settings::default()).await
    }

    /// Starts a new AMS with these settings.
    pub(crate) async fn with(settings: Settings) -> Self {
        Self::at("2026-05-01T12:00:00Z".parse().unwrap(), settings).await
    }

    async fn at(now: Timestamp, settings: Settings) -> Self {
        let metrics = MetricsListener::bind(&settings.metrics.prometheus)
            .await
            .unwrap();
        let metrics_address = metrics.as_ref().map(|it| it.local_addr().unwrap());
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let clock = ManualClock::new(now);
        let ams = Ams::open(folder.path(), settings, clock.clone().into())
            .await
            .unwrap();
        let identity = new_identity("ams", Clock::from(clock.clone()).now());
        let limits = Limits::default();
        let https = TlsListener::bind("127.0.0.1:0".parse().unwrap(), &identity, limits);
        let https = https.await.unwrap();
        let port = https.local_addr().port();
        let unix = bind_unix(&folder.path().join("unix.socket"), 0o660).unwrap();
        let drain = CancellationToken::new();
        let server = Server {
            ams: ams.clone(),
            https,
            unix,
            metrics,
        };
        let run = server.run(drain.clone(), Duration::from_secs(5));
        Self {
            ams,
            clock,
            folder,
            server: identity.certificate().fingerprint(),
            port,
            metrics: metrics_address,
            drain,
            serving: tokio::spawn(async { run.await.unwrap() }),
        }
    }

    /// A path below the base folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The time of its clock.
    pub(crate) fn now(&self) -> Timestamp {
        Clock::from(self.clock.clone()).now()
    }

    /// A new certificate, valid for a day.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        new_identity(name, self.now())
    }

    pub(crate) async fn trusted(&self, name: &str) -> Caller {
        let identity = self.identity(name);
        self.ams.trust().add(identity.certificate()).await.unwrap();
        Caller::Remote(Some(identity))
    }

    pub(crate) async fn stop(&mut self) {
        self.drain.cancel();
        (&mut self.serving).await.unwrap();
    }

    /// Sends a request on a new connection.
    pub(crate) async fn send(
        &self,
        caller: &Caller,
        request: Request<Body>,
    ) -> hyper::Result<hyper::Response<Incoming>> {
        match caller {
            Caller::Local => send_request(self.local().await, request).await,
            Caller::Remote(identity) => {
                send_request(self.remote(identity.as_ref()).await, request).await
            }
        }
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn call(&self, caller: &Caller, request: Request<Body>) -> FullResponse {
        let (head, body) = self.send(caller, request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        FullResponse {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// Sends a request without body over the Unix socket.
    pub(crate) async fn get(&self, path: &str) -> FullResponse {
        self.call(&Caller::Local, request(Method::GET, path, Body::empty()))
            .await
    }

    /// Sends a request with a JSON body over the Unix socket.
    pub(crate) async fn json(&self, method: Method, path: &str, body: Value) -> FullResponse {
        let body = Body::from(body.to_string());
        self.call(&Caller::Local, request(method, path, body)).await
    }

    /// Waits until the operation of a response has ended.
    pub(crate) async fn finish(&self, accepted: &FullResponse) -> Operation {
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
        let location = accepted.header("location");
        assert_eq!(accepted.json()["operation"], location);
        let ended = self.get(&format!("{location}/wait?timeout=60")).await;
        let operation: Operation = serde_json::from_value(ended.metadata()).unwrap();
        assert!(operation.status_code.is_final(), "{operation:?}");
        operation
    }

    /// Waits until the operation of a response has succeeded.
    pub(crate) async fn succeed(&self, accepted: &FullResponse) -> Operation {
        let operation = self.finish(accepted).await;
        assert_eq!(
            operation.status_code,
            OperationStatus::Success,
            "{operation:?}"
        );
        operation
    }

    /// Creates an application with this manifest.
    pub(crate) async fn create(&self, manifest: &str) -> Operation {
        let accepted = self.call(
            &Caller::Local,
            upload(Method::POST, "/1.0/applications", package(manifest)),
        );
        self.succeed(&accepted.await).await
    }

    pub(crate) async fn local(&self) -> UnixStream {
        UnixStream::connect(self.path("unix.socket")).await.unwrap()
    }

    pub(crate) async fn remote(&self, identity: Option<&Identity>) -> TlsStream<TcpStream> {
        self.connect(self.port, self.server, identity).await
    }

    /// Connects to a port and pins the certificate.
    pub(crate) async fn connect(
        &self,
        port: u16,
        shown: Fingerprint,
        identity: Option<&Identity>,
    ) -> TlsStream<TcpStream> {
        let trust = ServerTrust::Pinned(vec![shown]);
        let config = client_config(trust, identity, self.clock.clone().into()).unwrap();
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(std::sync::Arc::new(config))
            .connect(name, tcp)
            .await
            .unwrap()
    }
}

pub(crate) async fn send_request<S>(
    stream: S,
    request: Request<Body>,
) -> hyper::Result<hyper::Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

pub(crate) fn request(method: Method, path: &str, body: Body) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost");
    request.body(body).unwrap()
}

/// The upload of a package, as the SDK sends it.
pub(crate) fn upload(method: Method, path: &str, package: Vec<u8>) -> Request<Body> {
    let fingerprint = sha256(&package);
    let mut upload = request(method, path, Body::from(package));
    let headers = upload.headers_mut();
    headers.insert("content-type", "application/octet-stream".parse().unwrap());
    headers.insert("x-ams-fingerprint", fingerprint.parse().unwrap());
    headers.insert("x-ams-request", "{}".parse().unwrap());
    upload
}

/// A package with only a manifest.
pub(crate) fn package(manifest: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("manifest.yaml", options).unwrap();
    std::io::Write::write_all(&mut zip, manifest.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    aar_fs::digest_of(bytes).to_string()
}

/// A certificate in the form of JSON bodies.
pub(crate) fn base64(identity: &Identity) -> String {
    BASE64_STANDARD.encode(identity.certificate().der())
}

pub(crate) fn new_identity(name: &str, from: Timestamp) -> Identity {
    Identity::generate(&NewIdentity {
        common_name: name.to_owned(),
        hosts: vec!["localhost".to_owned()],
        not_before: from,
        not_after: from + SignedDuration::from_hours(24),
    })
    .unwrap()
}
