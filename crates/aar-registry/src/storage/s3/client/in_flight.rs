//! Counts the bytes of large requests in flight, which share the bandwidth.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A counter that all requests to a bucket share.
#[derive(Debug, Clone, Default)]
pub(super) struct BytesInFlight(Arc<AtomicU64>);

/// The bytes of one request, until it is dropped.
pub(super) struct InFlight {
    all: BytesInFlight,
    bytes: u64,
}

impl BytesInFlight {
    pub(super) fn add(&self, bytes: u64) -> InFlight {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        InFlight {
            all: self.clone(),
            bytes,
        }
    }
}

impl InFlight {
    /// The bytes of all requests, this one included.
    pub(super) fn total(&self) -> u64 {
        self.all.0.load(Ordering::Relaxed)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
