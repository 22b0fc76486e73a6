use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The handshakes of a listener that have ended. Cheap to clone; all clones have the same counts.
#[derive(Debug, Clone, Default)]
pub struct HandshakeCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    completed: AtomicU64,
    failed: AtomicU64,
}

impl HandshakeCounts {
    pub(crate) fn add(&self, is_completed: bool) {
        let count = if is_completed {
            &self.0.completed
        } else {
            &self.0.failed
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn completed(&self) -> u64 {
        self.0.completed.load(Ordering::Relaxed)
    }

    /// The number of handshakes without a connection.
    pub fn failed(&self) -> u64 {
        self.0.failed.load(Ordering::Relaxed)
    }
}
