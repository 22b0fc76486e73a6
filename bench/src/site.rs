//! A registry to be measured, and what everybody beside it shows: the same certificates.

use std::{path::PathBuf, process::Command};

use aar_testkit::{Generated, Http, TestAms, TestPki, TestRegistry};
use aar_types::Clock;
use ams_api::{AmsClient, Endpoint};
use serde_json::json;

use crate::usage::Meter;

/// A registry with a publisher and a client.
pub(crate) struct Site {
    pub(crate) registry: TestRegistry,
    pub(crate) pki: TestPki,
    id: u32,
}

impl Site {
    /// An empty one, started as its service unit starts it.
    pub(crate) fn start() -> Self {
        let mut registry = TestRegistry::prepare("").with_env("MALLOC_ARENA_MAX", "1");
        registry.run();
        Self::of(registry)
    }

    pub(crate) fn of(mut registry: TestRegistry) -> Self {
        let (pki, id) = (TestPki::new(), registry.process().id());
        registry.trust(pki.publisher.certificate(), "publisher");
        registry.trust(pki.client.certificate(), "client");
        Self { registry, pki, id }
    }

    /// The publisher's way to speak to it.
    pub(crate) fn publisher(&self) -> Http {
        self.registry.http(Some(&self.pki.publisher))
    }

    /// Stores an image without a version. Gives its digest.
    pub(crate) fn upload(&self, content: Generated) -> String {
        let (http, digest) = (self.publisher(), content.digest());
        let upload = content.begin_upload(&http, &digest);
        assert_eq!(content.send_to(&http, &upload), 204);
        digest
    }

    /// Stores an image and publishes it as version 0. Gives its path in the API.
    pub(crate) fn publish(&self, name: &str, content: Generated) -> String {
        let digest = self.upload(content);
        commit(&self.publisher(), name, 0, &digest, content.size);
        format!("/1.0/applications/{name}/amd64/versions/0/image")
    }

    /// The full address of a path.
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

    /// Counts what the registry uses.
    pub(crate) fn meter(&self) -> Meter {
        Meter::start("aar", self.id)
    }
}

/// Commits a version whose image is stored.
pub(crate) fn commit(http: &Http, name: &str, number: usize, digest: &str, size: u64) {
    let body = json!({
        "application": {"instance_type": "a2.3", "boot_package": "com.example.app", "tags": ["bench"]},
        "manifest": {"manifest_version": format!("1.0.{number}")},
        "image": {"fingerprint": digest, "digest": digest, "size": size},
    });
    let path = format!("/1.0/applications/{name}/amd64/versions/{number}");
    let body = serde_json::to_vec(&body).unwrap();
    let answer = http.send("PUT", &path, &[("content-type", "application/json")], body);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// The files that a server and its caller show to each other, the same for every side.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    pub(crate) server: PathBuf,
    pub(crate) server_key: PathBuf,
    pub(crate) client: PathBuf,
    pub(crate) client_key: PathBuf,
}

impl Certificates {
    /// curl, as the client.
    pub(crate) fn curl(&self) -> Command {
        self.curl_as(&self.client, &self.client_key)
    }

    /// curl, as somebody. The certificate is that of the server, whatever its name.
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

/// What `amc` uses to speak to an AMS on its machine.
pub(crate) fn api(ams: &TestAms) -> AmsClient {
    let socket = Endpoint::Socket(ams.base().join("server/unix.socket"));
    AmsClient::new(socket, "bench", Clock::system()).unwrap()
}
