//! A server for one test, and its callers.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use aar_cli::{Exit, Printer};
use aar_http::{HeaderMap, HttpClient, HttpOptions, Method, RequestBuilder, Response};
use aar_server::{cli, config::Config, service::Server};
use aar_tls::{Identity, NewIdentity, ServerTrust};
use aar_types::{Clock, Fingerprint};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    content::{image, metadata},
    document,
};

const CONFIG: &str = "http:\n  addr: 127.0.0.1:0\n  drain: 2s\n";

/// A registry that runs for one test.
pub(crate) struct TestServer {
    base: TempDir,
    fingerprint: Fingerprint,
    url: String,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts with more lines in the configuration.
    pub(crate) async fn start_with(lines: &str) -> Self {
        let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs_err::create_dir(base.path().join("conf")).unwrap();
        fs_err::write(Config::path(base.path()), format!("{CONFIG}{lines}")).unwrap();
        Self::serve(base).await
    }

    /// Serves the registry of a base folder.
    pub(crate) async fn serve(base: TempDir) -> Self {
        let config = Config::of_base(base.path()).unwrap();
        let server = Server::start(base.path(), config, Clock::system())
            .await
            .unwrap();
        let stop = CancellationToken::new();
        Self {
            base,
            fingerprint: server.certificate().fingerprint(),
            url: format!("https://{}", server.local_addr()),
            running: tokio::spawn(server.run(stop.clone())),
            stop,
        }
    }

    /// Stops the server and waits until it is gone.
    pub(crate) async fn stop(self) -> TempDir {
        self.stop.cancel();
        let stopped = tokio::time::timeout(Duration::from_secs(20), self.running).await;
        stopped.expect("the server does not stop").unwrap();
        self.base
    }

    pub(crate) async fn restart(self) -> Self {
        Self::serve(self.stop().await).await
    }

    /// Signals the server to stop, without waiting.
    pub(crate) fn drain(&self) {
        self.stop.cancel();
    }

    pub(crate) fn base(&self) -> &Path {
        self.base.path()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs `aar` on the base folder of this server.
    pub(crate) async fn aar(&self, arguments: &[&str]) -> String {
        let mut line = vec!["aar".into(), "--base-dir".into(), self.base().into()];
        line.extend(arguments.iter().map(Into::into));
        let (printer, captured) = Printer::captured();
        let run = tokio::task::spawn_blocking(move || cli::run(&printer, line));
        assert_eq!(run.await.unwrap(), Exit::Done, "{}", captured.stderr());
        captured.stdout()
    }

    /// A caller with this identity, trusted or not.
    pub(crate) fn caller(&self, identity: Option<Identity>) -> Persona {
        let trust = ServerTrust::Pinned(vec![self.fingerprint]);
        let options = HttpOptions {
            identity: identity.clone(),
            ..HttpOptions::new(trust, "aar-tests")
        };
        Persona {
            identity,
            http: HttpClient::new(options).unwrap(),
            url: self.url.clone(),
        }
    }

    pub(crate) fn anonymous(&self) -> Persona {
        self.caller(None)
    }

    pub(crate) fn unknown(&self) -> Persona {
        self.caller(Some(identity(VALID)))
    }

    pub(crate) async fn client(&self) -> Persona {
        self.trusted(identity(VALID), &[]).await
    }

    pub(crate) async fn publisher(&self) -> Persona {
        self.trusted(identity(VALID), &["--publisher"]).await
    }

    pub(crate) async fn removed(&self) -> Persona {
        let persona = self.publisher().await;
        self.aar(&["trust", "remove", &persona.fingerprint()]).await;
        persona
    }

    pub(crate) async fn revoked(&self) -> Persona {
        let persona = self.publisher().await;
        self.aar(&["trust", "revoke", "--yes", &persona.fingerprint()])
            .await;
        persona
    }

    pub(crate) async fn expired(&self) -> Persona {
        self.trusted(identity(EXPIRED), &["--publisher"]).await
    }

    pub(crate) async fn not_yet_valid(&self) -> Persona {
        self.trusted(identity(FUTURE), &["--publisher"]).await
    }

    /// Trusts a certificate with `aar trust add`.
    pub(crate) async fn trusted(&self, identity: Identity, flags: &[&str]) -> Persona {
        let file = self.certificate_file(&identity);
        let path = file.to_string_lossy();
        self.aar(&[&["trust", "add", &path], flags].concat()).await;
        self.caller(Some(identity))
    }

    fn certificate_file(&self, identity: &Identity) -> PathBuf {
        let certificate = identity.certificate();
        let file = self
            .base()
            .join(format!("{}.crt", certificate.fingerprint()));
        fs_err::write(&file, certificate.to_pem()).unwrap();
        file
    }
}

/// The validity of a certificate, in hours from now.
type Validity = (i64, i64);
const VALID: Validity = (-1, 24);
const EXPIRED: Validity = (-48, -24);
const FUTURE: Validity = (24, 48);

/// A valid certificate with this common name.
pub(crate) fn named_identity(name: &str) -> Identity {
    identity_of(name, VALID)
}

pub(crate) fn identity(validity: Validity) -> Identity {
    identity_of("tester", validity)
}

fn identity_of(name: &str, (from, until): Validity) -> Identity {
    let now = Clock::system().now();
    let hours = jiff::SignedDuration::from_hours;
    let new = NewIdentity {
        common_name: name.to_owned(),
        hosts: vec![],
        not_before: now + hours(from),
        not_after: now + hours(until),
    };
    Identity::generate(&new).unwrap()
}

pub(crate) struct Persona {
    identity: Option<Identity>,
    http: HttpClient,
    url: String,
}

/// A request to a path of the API.
pub(crate) struct TestRequest {
    method: Method,
    path: String,
    builder: RequestBuilder,
}

impl TestRequest {
    #[expect(clippy::needless_pass_by_value, reason = "callers pass numbers")]
    pub(crate) fn header(self, name: &str, value: impl ToString) -> Self {
        let builder = self.builder.header(name, value.to_string());
        Self { builder, ..self }
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let builder = self.builder.body(body.into());
        Self { builder, ..self }
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        let builder = self.builder.json(value);
        Self { builder, ..self }
    }

    pub(crate) async fn send(self) -> Result<Response, aar_http::Error> {
        self.builder.send().await
    }
}

/// A response with its body.
pub(crate) struct FullResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Persona {
    pub(crate) fn fingerprint(&self) -> String {
        self.identity().certificate().fingerprint().to_string()
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
            .clone()
            .expect("the caller has no certificate")
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> TestRequest {
        let url = format!("{}{path}", self.url);
        TestRequest {
            method: method.clone(),
            path: path.to_owned(),
            builder: self.http.request(method, url.parse().unwrap()),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> FullResponse {
        FullResponse::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> FullResponse {
        let with = |request: TestRequest, (name, value): &(&str, &str)| request.header(name, value);
        let request = self.request(Method::GET, path);
        FullResponse::of(headers.iter().fold(request, with)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> FullResponse {
        FullResponse::of(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> FullResponse {
        FullResponse::of(self.request(Method::PATCH, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> FullResponse {
        FullResponse::of(self.request(Method::DELETE, path)).await
    }

    pub(crate) fn tus(&self, method: Method, path: &str) -> TestRequest {
        self.request(method, path).header("Tus-Resumable", "1.0.0")
    }

    /// Creates an upload of content.
    pub(crate) async fn create_upload(&self, content: &[u8]) -> FullResponse {
        let request = self
            .tus(Method::POST, "/1.0/uploads")
            .header("Upload-Length", content.len())
            .header("Upload-Metadata", metadata(content));
        FullResponse::of(request).await
    }

    pub(crate) async fn append(&self, location: &str, offset: usize, bytes: &[u8]) -> FullResponse {
        let request = self
            .tus(Method::PATCH, location)
            .header("Upload-Offset", offset)
            .header("Content-Type", "application/offset+octet-stream")
            .body(bytes.to_vec());
        FullResponse::of(request).await
    }

    pub(crate) async fn upload(&self, content: &[u8]) {
        let created = self.create_upload(content).await;
        assert_eq!(created.status, 201, "{}", created.text());
        if created.header("upload-offset") != content.len().to_string() {
            let appended = self.append(&created.header("location"), 0, content).await;
            assert_eq!(appended.status, 204, "{}", appended.text());
        }
    }

    /// Publishes a version with content.
    pub(crate) async fn publish(&self, version: &str, content: &[u8]) -> FullResponse {
        self.upload(content).await;
        let path = format!("/1.0/applications/{version}");
        self.put(&path, &json!({ "image": image(content) })).await
    }
}

impl FullResponse {
    /// Sends a request. The response has to be one that the OpenAPI document describes.
    pub(crate) async fn of(request: TestRequest) -> Self {
        let (method, path) = (request.method.clone(), request.path.clone());
        let response = Self::read(request.send().await.unwrap()).await;
        document::check(&method, &path, &response);
        response
    }

    async fn read(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let value = self.headers.get(name);
        value
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The code of an error; empty without a body.
    pub(crate) fn code(&self) -> String {
        let json = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        json["code"].as_str().unwrap_or_default().to_owned()
    }
}
