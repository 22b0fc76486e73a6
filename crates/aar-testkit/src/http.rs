use std::{collections::BTreeMap, path::Path, sync::LazyLock, time::Duration};

use aar_http::{Body, Error, HttpClient, HttpOptions, Method, RequestBuilder, Response};
use aar_tls::{Certificate, ServerTrust};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

use crate::Persona;

pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
});

/// Runs a future to its end on a thread of its own, because the caller may be in a runtime already.
pub(crate) fn run<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| RUNTIME.block_on(work)).join().unwrap())
}

/// A blocking HTTP client of one server.
#[derive(Debug, Clone)]
pub struct TestClient {
    client: HttpClient,
    base: String,
}

#[derive(Debug, Clone)]
pub struct TestResponse {
    pub status: u16,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A response whose body is read piece by piece.
pub struct Download(Response);

impl TestClient {
    /// A client that pins the server certificate in a file, and shows that of a persona.
    pub fn new(base: &str, server_certificate: &Path, persona: Option<&Persona>) -> Self {
        let pem = fs_err::read_to_string(server_certificate).unwrap();
        let pin = Certificate::from_pem(&pem).unwrap().fingerprint();
        let mut options = HttpOptions::new(ServerTrust::Pinned(vec![pin]), "aar-testkit");
        options.identity = persona.map(|persona| persona.identity().clone());
        options.read_timeout = Some(Duration::from_mins(5));
        Self {
            client: HttpClient::new(options).unwrap(),
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Without TLS.
    pub fn plain(base: &str) -> Self {
        let trust = ServerTrust::Pinned(Vec::new());
        let options = HttpOptions::new(trust, "aar-testkit");
        Self {
            client: HttpClient::new(options).unwrap(),
            base: base.to_owned(),
        }
    }

    /// Sends a GET request. `None` if there is no response.
    pub fn try_get(&self, path: &str) -> Option<TestResponse> {
        self.try_send("GET", path, &[], Vec::new()).ok()
    }

    pub fn get(&self, path: &str) -> TestResponse {
        self.send("GET", path, &[], Vec::new())
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> TestResponse {
        let sent = self.try_send(method, path, headers, body);
        sent.unwrap_or_else(|e| panic!("{method} {path}: {e:?}"))
    }

    fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<TestResponse, Error> {
        let request = self.request(method, path, headers).body(body);
        RUNTIME.block_on(async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            let headers = response.headers().iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            });
            let headers = headers.collect();
            let body = response.bytes().await?.to_vec();
            Ok(TestResponse {
                status,
                headers,
                body,
            })
        })
    }

    /// Sends a GET request, and leaves the body to be read.
    pub fn download(&self, path: &str) -> Download {
        let response = RUNTIME.block_on(self.request("GET", path, &[]).send());
        let response = response.unwrap();
        assert_eq!(response.status().as_u16(), 200, "GET {path}");
        Download(response)
    }

    /// Sends a request with a streamed body. Returns the status.
    pub fn send_stream(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Iterator<Item = Bytes> + Send + 'static,
    ) -> u16 {
        let body = Body::from_stream(stream::iter(body.map(Ok::<_, std::io::Error>)));
        let request = self.request(method, path, headers).body(body);
        RUNTIME.block_on(request.send()).unwrap().status().as_u16()
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", self.base).parse().unwrap();
        let request = self.client.request(method, url);
        headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        })
    }
}

impl TestResponse {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The error code in the body.
    pub fn code(&self) -> String {
        let body = self.json();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Download {
    /// The length of the next piece; `None` at the end of the body, an error if the body is incomplete.
    pub fn read(&mut self) -> Result<Option<usize>, Error> {
        let piece = RUNTIME.block_on(self.0.chunk())?;
        Ok(piece.map(|bytes| bytes.len()))
    }

    /// Reads the body to its end. Returns its length and its SHA-256 as hexadecimal digits.
    pub fn hash(mut self) -> (u64, String) {
        let (mut length, mut hash) = (0, Sha256::new());
        while let Some(piece) = RUNTIME.block_on(self.0.chunk()).unwrap() {
            length += piece.len() as u64;
            hash.update(&piece);
        }
        let digest = aar_types::Digest::from_bytes(hash.finalize().into());
        (length, digest.to_string())
    }
}
