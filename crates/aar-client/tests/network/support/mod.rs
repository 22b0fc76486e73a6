//! Test servers over real TLS, with faults.

pub(crate) mod early_refusal;
pub(crate) mod images;
pub(crate) mod namespaces;
pub(crate) mod server;
pub(crate) mod uploads;

use std::{path::PathBuf, sync::Arc, time::Duration};

use aar_client::{ClientOptions, RegistryClient, Timeouts, Transfer};
use aar_tls::{Identity, NewIdentity, ServerTrust};
use aar_types::{ApplicationName, Architecture, Digest, Fingerprint, ImageInfo, VersionNumber};
use backon::ExponentialBuilder;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use url::Url;

pub(crate) use server::{ReceivedRequest, Server, TestResponse};

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

pub(crate) fn options(server: &Server) -> ClientOptions {
    options_for(server.url(), server.fingerprint())
}

/// Options with short time limits and waits.
pub(crate) fn options_for(url: Url, fingerprint: Fingerprint) -> ClientOptions {
    ClientOptions {
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(2),
            stall: Duration::from_millis(700),
        },
        retry: ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(2))
            .with_max_delay(Duration::from_millis(10))
            .with_max_times(3),
        ..ClientOptions::new(url, fingerprint, identity("client"))
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

/// Bytes without repetition, so that a wrong offset is detected.
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

pub(crate) struct TestFolder(tempfile::TempDir);

impl TestFolder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("images/app.tar.zst")
    }

    pub(crate) fn partial(&self) -> PathBuf {
        self.0.path().join("images/app.tar.zst.partial")
    }

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

pub(crate) fn recording_transfer() -> (Transfer, Arc<std::sync::Mutex<Vec<u64>>>) {
    let reports = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&reports);
    let transfer = Transfer {
        progress: Arc::new(move |bytes| kept.lock().unwrap().push(bytes)),
        ..Transfer::default()
    };
    (transfer, reports)
}
