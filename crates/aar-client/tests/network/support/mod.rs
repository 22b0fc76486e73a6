//! A registry of a few lines over real TLS, and a network that fails when it is told to.

pub(crate) mod images;
pub(crate) mod server;
pub(crate) mod uploads;

use std::{path::PathBuf, sync::Arc, time::Duration};

use aar_client::{ClientOptions, Jitter, RegistryClient, RetryPolicy, Timeouts, Transfer};
use aar_tls::{Identity, NewIdentity, ServerTrust};
use aar_types::{ApplicationName, Architecture, Digest, Fingerprint, ImageInfo, VersionNumber};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

pub(crate) use server::{Reply, Seen, Server};

pub(crate) const NUMBER: VersionNumber = VersionNumber(3);
pub(crate) const ARCHITECTURE: Architecture = Architecture::Amd64;

pub(crate) fn name() -> ApplicationName {
    "app".parse().unwrap()
}

pub(crate) fn identity(name: &str) -> Identity {
    let day = |text: &str| text.parse::<Timestamp>().unwrap();
    Identity::generate(&NewIdentity {
        common_name: name.to_owned(),
        hosts: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        not_before: day("2020-01-01T00:00:00Z"),
        not_after: day("2120-01-01T00:00:00Z"),
    })
    .unwrap()
}

/// Options with which failures are noticed and retried quickly.
pub(crate) fn options(server: &Server) -> ClientOptions {
    ClientOptions {
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(2),
            stall: Duration::from_millis(700),
        },
        retry: RetryPolicy {
            failures: 3,
            first: Duration::from_millis(2),
            longest: Duration::from_millis(10),
        },
        jitter: Jitter::seeded(1),
        ..ClientOptions::new(server.url(), server.fingerprint(), identity("client"))
    }
}

pub(crate) fn client(server: &Server) -> RegistryClient {
    RegistryClient::new(options(server)).unwrap()
}

/// A client of a registry that redirects to the other server.
pub(crate) fn client_of_two(server: &Server, storage: &Server) -> RegistryClient {
    RegistryClient::new(ClientOptions {
        content_trust: ServerTrust::Pinned(vec![storage.fingerprint()]),
        ..options(server)
    })
    .unwrap()
}

/// Bytes that repeat nowhere, so that a wrong offset shows.
pub(crate) fn content(length: usize) -> Vec<u8> {
    let words = (0_u32..).flat_map(|word| word.wrapping_mul(0x9e37_79b9).to_le_bytes());
    words.take(length).collect()
}

pub(crate) fn image(content: &[u8]) -> ImageInfo {
    ImageInfo {
        fingerprint: Fingerprint::from_bytes([7; 32]),
        digest: Digest::from_bytes(Sha256::digest(content).into()),
        size: content.len() as u64,
    }
}

/// A folder of the test below the target folder.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("images/app.tar.zst")
    }

    pub(crate) fn partial(&self) -> PathBuf {
        self.0.path().join("images/app.tar.zst.partial")
    }

    /// A file with content beside the others.
    pub(crate) fn write(&self, content: &[u8]) -> PathBuf {
        let path = self.0.path().join("source");
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn write_partial(&self, content: &[u8]) {
        std::fs::create_dir_all(self.partial().parent().unwrap()).unwrap();
        std::fs::write(self.partial(), content).unwrap();
    }
}

pub(crate) fn watched() -> (Transfer, Arc<std::sync::Mutex<Vec<u64>>>) {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let transfer = Transfer {
        progress: Arc::new(move |bytes| kept.lock().unwrap().push(bytes)),
        ..Transfer::default()
    };
    (transfer, seen)
}
