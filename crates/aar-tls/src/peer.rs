use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use aar_types::Fingerprint;
use tokio_util::sync::CancellationToken;

use crate::Certificate;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The client of a connection. Cheap to clone; all clones stand for the same connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address it connects from.
    pub address: SocketAddr,
    /// The certificate it has shown. The peer holds its key; nothing else was checked.
    pub certificate: Option<Certificate>,
    id: u64,
    cut: CancellationToken,
}

impl Peer {
    /// The peer of a new connection, which `cut` closes.
    pub(crate) fn new(
        address: SocketAddr,
        certificate: Option<Certificate>,
        cut: CancellationToken,
    ) -> Self {
        Self {
            address,
            certificate,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            cut,
        }
    }

    /// The fingerprint of its certificate.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.certificate.as_ref().map(Certificate::fingerprint)
    }

    /// The number of the connection, unique within the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Closes the connection at once: pending and later reads and writes fail.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    pub(crate) fn cut_token(&self) -> &CancellationToken {
        &self.cut
    }
}
