//! Real S3 servers on this machine, which check signatures as the great one does.
//!
//! [`S3Server::ceph`] is the strict one and the one to use; [`S3Server::seaweed`] stands beside it
//! because it is another implementation. Each is started once for a test program, at the first
//! call, and ends with it; every test takes a bucket of its own. Where the programs of a server are
//! not installed, the test is skipped, loudly.

mod bucket;
mod ceph;
mod keeper;
mod request;
mod seaweed;

use std::{
    net::SocketAddr,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

pub use bucket::{Bucket, OpenUpload};

use crate::{Port, skip};

/// The region that both servers believe themselves in.
const REGION: &str = "us-east-1";

/// A server that speaks S3.
#[derive(Debug)]
pub struct S3Server {
    port: Port,
    owner: Credentials,
    ceph: Option<ceph::Cluster>,
}

/// A key id with its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The id.
    pub access_key: String,
    /// The secret.
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

impl S3Server {
    /// The name of a key with which Ceph's gateway encrypts what is to be encrypted with it.
    pub const ENCRYPTION_KEY: &str = "aar-tests";

    /// Ceph's gateway. `None`, and a skip, where it is not installed.
    pub fn ceph(what: &str) -> Option<&'static Self> {
        static SERVER: OnceLock<Option<S3Server>> = OnceLock::new();
        let server = SERVER.get_or_init(ceph::start);
        if server.is_none() {
            skip(what, "Ceph is not installed: radosgw, ceph-mon, ceph-osd");
        }
        server.as_ref()
    }

    /// `SeaweedFS`. `None`, and a skip, where it is not installed.
    pub fn seaweed(what: &str) -> Option<&'static Self> {
        static SERVER: OnceLock<Option<S3Server>> = OnceLock::new();
        let server = SERVER.get_or_init(seaweed::start);
        if server.is_none() {
            skip(what, "SeaweedFS is not installed: weed");
        }
        server.as_ref()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its address for clients.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The region it is in.
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// The id of the key of the user who owns the buckets.
    pub fn access_key(&self) -> &str {
        &self.owner.access_key
    }

    /// The secret of that key.
    pub fn secret_key(&self) -> &str {
        &self.owner.secret_key
    }

    /// Both.
    pub fn owner(&self) -> &Credentials {
        &self.owner
    }

    /// An empty bucket that nobody else has.
    pub fn new_bucket(&'static self) -> Bucket {
        Bucket::create(self, &unique("bucket"))
    }

    /// A bucket that does not exist.
    pub fn no_bucket(&'static self) -> Bucket {
        Bucket::named(self, &unique("nothing"))
    }

    /// One more key of the owner, which can be taken back. Ceph only.
    pub fn new_key(&self) -> Credentials {
        self.cluster().new_key()
    }

    /// Takes a key back: from now on it is refused. Ceph only.
    pub fn remove_key(&self, key: &Credentials) {
        self.cluster().remove_key(key);
    }

    /// A user with a key and without any right. Ceph only.
    pub fn new_user(&self) -> (String, Credentials) {
        self.cluster().new_user()
    }

    fn cluster(&self) -> &ceph::Cluster {
        self.ceph.as_ref().expect("only Ceph has users")
    }
}

/// A name that this test program has not used before.
fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
