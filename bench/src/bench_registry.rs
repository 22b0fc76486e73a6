//! The registry that is measured, and the certificates that every contender uses.

use std::{path::PathBuf, process::Command};

use aar_testkit::{Generated, TestAms, TestClient, TestPki, TestRegistry};
use aar_types::{Clock, ImageInfo};
use ams_api::{AmsClient, Endpoint};
use serde_json::json;

use crate::usage::Meter;

/// A registry that trusts a publisher and a client.
pub(crate) struct BenchRegistry {
    pub(crate) registry: TestRegistry,
    pub(crate) pki: TestPki,
    id: u32,
}

impl BenchRegistry {
    /// Starts an empty registry with the environment of its service unit.
    pub(crate) fn start() -> Self {
        let mut registry = TestRegistry::prepare("").with_env("MALLOC_ARENA_MAX", "1");
        registry.run();
        Self::new(registry)
    }

    pub(crate) fn new(mut registry: TestRegistry) -> Self {
        let (pki, id) = (TestPki::new(), registry.process().id());
        registry.trust(pki.publisher.certificate(), "publisher");
        registry.trust(pki.client.certificate(), "client");
        Self { registry, pki, id }
    }

    /// A client of the API with the certificate of the publisher.
    pub(crate) fn publisher(&self) -> TestClient {
        self.registry.http(Some(&self.pki.publisher))
    }

    /// Uploads an image without a version.
    pub(crate) fn upload(&self, content: Generated) -> ImageInfo {
        let (http, image) = (self.publisher(), content.info());
        let upload = content.start_upload(&http, &image.digest.to_string());
        assert_eq!(content.send_to(&http, &upload), 204);
        image
    }

    /// Uploads an image and publishes it as version 0. Returns its path in the API.
    pub(crate) fn publish(&self, name: &str, content: Generated) -> String {
        let image = self.upload(content);
        commit(&self.publisher(), name, 0, &image);
        format!("/1.0/applications/{name}/amd64/versions/0/image")
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        self.registry.url() + path
    }

    pub(crate) fn certificates(&self) -> Certificates {
        let certs = self.registry.base().join("certs");
        let client = &self.pki.client;
        Certificates {
            server: certs.join("server.crt"),
            server_key: certs.join("server.key"),
            client: client.certificate().to_owned(),
            client_key: client.key().to_owned(),
        }
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter::start("aar", self.id)
    }
}

/// Commits a version whose image has been uploaded.
pub(crate) fn commit(http: &TestClient, name: &str, number: usize, image: &ImageInfo) {
    let body = json!({
        "application": {"instance_type": "a2.3", "boot_package": "com.example.app", "tags": ["bench"]},
        "manifest": {"manifest_version": format!("1.0.{number}")},
        "image": image,
    });
    let path = format!("/1.0/applications/{name}/amd64/versions/{number}");
    let body = serde_json::to_vec(&body).unwrap();
    let response = http.send("PUT", &path, &[("content-type", "application/json")], body);
    assert_eq!(response.status, 201, "{}", response.text());
}

/// The certificates and keys of server and client, in files.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    pub(crate) server: PathBuf,
    pub(crate) server_key: PathBuf,
    pub(crate) client: PathBuf,
    pub(crate) client_key: PathBuf,
}

impl Certificates {
    /// curl with the certificate of the client.
    pub(crate) fn curl(&self) -> Command {
        self.curl_as(&self.client, &self.client_key)
    }

    /// curl with a certificate. It trusts the server certificate, whatever name is in it.
    pub(crate) fn curl_as(&self, certificate: &PathBuf, key: &PathBuf) -> Command {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--http1.1",
            "--cacert",
        ])
        .arg(&self.server)
        .arg("--cert")
        .arg(certificate)
        .arg("--key")
        .arg(key);
        curl
    }
}

/// A client of an AMS on its socket.
pub(crate) fn api(ams: &TestAms) -> AmsClient {
    let socket = Endpoint::Socket(ams.base().join("server/unix.socket"));
    AmsClient::new(socket, "bench", Clock::system()).unwrap()
}
