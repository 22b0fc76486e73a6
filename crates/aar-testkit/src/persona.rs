use std::path::{Path, PathBuf};

use aar_tls::{Identity, NewIdentity};
use aar_types::Clock;
use jiff::{SignedDuration, Timestamp};

use crate::Folder;

/// A caller of a server: a name, and a certificate with its key, in memory and in files.
#[derive(Debug, Clone)]
pub struct Persona {
    name: &'static str,
    identity: Identity,
    certificate: PathBuf,
    key: PathBuf,
}

impl Persona {
    fn new(folder: &Path, name: &'static str, from: Timestamp, to: Timestamp) -> Self {
        let certificate = folder.join(format!("{name}.crt"));
        let key = folder.join(format!("{name}.key"));
        let new = NewIdentity {
            common_name: name.to_owned(),
            hosts: vec!["localhost".to_owned()],
            not_before: from,
            not_after: to,
        };
        let (identity, _) = Identity::load_or_create(&certificate, &key, &new).unwrap();
        Self {
            name,
            identity,
            certificate,
            key,
        }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The file with the certificate.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The file with the key.
    pub fn key(&self) -> &Path {
        &self.key
    }

    pub fn fingerprint(&self) -> String {
        self.identity.certificate().fingerprint().to_string()
    }
}

/// One caller of every kind. The test itself trusts them.
#[derive(Debug)]
pub struct TestPki {
    /// To be trusted as a publisher.
    pub publisher: Persona,
    /// To be trusted as a client.
    pub client: Persona,
    /// To be trusted and then removed.
    pub removed: Persona,
    /// To be trusted and then revoked.
    pub revoked: Persona,
    /// Never to be trusted.
    pub unknown: Persona,
    pub expired: Persona,
    pub early: Persona,
    _folder: Folder,
}

impl TestPki {
    pub fn new() -> Self {
        let folder = Folder::new("pki");
        let now = Clock::system().now();
        let day = |n: i64| now + SignedDuration::from_hours(24 * n);
        let valid = |name| Persona::new(folder.path(), name, day(-1), day(365));
        Self {
            publisher: valid("publisher"),
            client: valid("client"),
            removed: valid("removed"),
            revoked: valid("revoked"),
            unknown: valid("unknown"),
            expired: Persona::new(folder.path(), "expired", day(-30), day(-1)),
            early: Persona::new(folder.path(), "early", day(1), day(30)),
            _folder: folder,
        }
    }
}

impl Default for TestPki {
    fn default() -> Self {
        Self::new()
    }
}
