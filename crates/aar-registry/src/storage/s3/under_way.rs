//! How many bytes are on their way to the bucket.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A count that everybody who sends shares.
#[derive(Debug, Clone, Default)]
pub(super) struct UnderWay(Arc<AtomicU64>);

/// Some of it, until it is dropped.
pub(super) struct Sending {
    all: UnderWay,
    bytes: u64,
}

impl UnderWay {
    /// So many more are sent from now on.
    pub(super) fn begin(&self, bytes: u64) -> Sending {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Sending {
            all: self.clone(),
            bytes,
        }
    }
}

impl Sending {
    /// What is on its way together, this among it.
    pub(super) fn together(&self) -> u64 {
        self.all.0.load(Ordering::Relaxed)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
