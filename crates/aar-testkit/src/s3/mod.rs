//! Real S3 servers on this machine, which check signatures as AWS does.
//!
//! [`S3Server::ceph`] is the strict one and the default; [`S3Server::seaweed`] is a second
//! implementation. Each is started at the first call and ends with the test program, or with the run
//! of all test programs where they share one (see [`serve_test_servers`](crate::serve_test_servers)). Every test has a bucket of
//! its own. Where the programs of a server are not installed, the test is skipped, loudly.

mod bucket;
mod ceph;
pub(crate) mod request;
mod seaweed;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

pub use bucket::{Bucket, OpenUpload};

use serde_json::{Value, json};

use crate::{
    shared::{Shared, request_or},
    skip,
};

const REGION: &str = "us-east-1";

#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    owner: Credentials,
    /// The folder with the configuration of Ceph's cluster.
    ceph: Option<PathBuf>,
}

/// An access key id with its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
}

impl Credentials {
    fn new(access_key: &str, secret_key: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
        }
    }
}

impl Shared for S3Server {
    fn describe(&self) -> Value {
        json!({
            "address": self.address,
            "access_key": self.owner.access_key,
            "secret_key": self.owner.secret_key,
            "ceph": self.ceph,
        })
    }

    fn of(description: &Value) -> Self {
        let text = |field: &str| description[field].as_str();
        Self {
            address: text("address").unwrap().parse().unwrap(),
            owner: Credentials::new(text("access_key").unwrap(), text("secret_key").unwrap()),
            ceph: text("ceph").map(Into::into),
        }
    }
}

impl S3Server {
    /// The name of the KMS key that Ceph's gateway knows.
    pub const ENCRYPTION_KEY: &str = "aar-tests";

    /// Ceph's gateway. `None`, and a skip, where it is not installed.
    pub fn ceph(what: &str) -> Option<&'static Self> {
        static SERVER: OnceLock<Option<S3Server>> = OnceLock::new();
        let server = SERVER.get_or_init(|| request_or("ceph", ceph::start));
        if server.is_none() {
            skip(what, "Ceph is not installed: radosgw, ceph-mon, ceph-osd");
        }
        server.as_ref()
    }

    /// `SeaweedFS`. `None`, and a skip, where it is not installed.
    pub fn seaweed(what: &str) -> Option<&'static Self> {
        static SERVER: OnceLock<Option<S3Server>> = OnceLock::new();
        let server = SERVER.get_or_init(|| request_or("seaweed", seaweed::start));
        if server.is_none() {
            skip(what, "SeaweedFS is not installed: weed");
        }
        server.as_ref()
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that clients use.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The region of its buckets.
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// The access key id of the owner of the buckets.
    pub fn access_key(&self) -> &str {
        &self.owner.access_key
    }

    /// The secret of that key.
    pub fn secret_key(&self) -> &str {
        &self.owner.secret_key
    }

    /// The key of the owner of the buckets.
    pub fn owner(&self) -> &Credentials {
        &self.owner
    }

    pub fn new_bucket(&'static self) -> Bucket {
        Bucket::create(self, &unique("bucket"))
    }

    /// A bucket that does not exist.
    pub fn no_bucket(&'static self) -> Bucket {
        Bucket::named(self, &unique("missing"))
    }

    /// Another key of the owner, which can be removed. Ceph only.
    pub fn new_key(&self) -> Credentials {
        self.cluster().new_key()
    }

    /// Removes a key: from now on it is refused. Ceph only.
    pub fn remove_key(&self, key: &Credentials) {
        self.cluster().remove_key(key);
    }

    /// A user with a key and without permissions. Ceph only.
    pub fn new_user(&self) -> (String, Credentials) {
        self.cluster().new_user()
    }

    fn cluster(&self) -> ceph::Admin<'_> {
        ceph::Admin::new(self.ceph.as_ref().expect("only Ceph has users"))
    }
}

/// A name that no other test program uses; they share servers.
fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{number}", std::process::id())
}
