//! The streams of all downloads of a client: each download has one, and they share the others fairly.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The streams beyond the first one of each download. One costs less than a MiB of memory.
const EXTRA_STREAMS: usize = 31;

#[derive(Debug)]
pub(crate) struct StreamBudget {
    extra: Arc<Semaphore>,
    downloads: AtomicUsize,
}

impl Default for StreamBudget {
    fn default() -> Self {
        Self {
            extra: Arc::new(Semaphore::new(EXTRA_STREAMS)),
            downloads: AtomicUsize::new(0),
        }
    }
}

impl StreamBudget {
    /// Counts a download until the share is dropped.
    pub(crate) fn join(self: &Arc<Self>) -> StreamShare {
        self.downloads.fetch_add(1, Ordering::Relaxed);
        StreamShare(Arc::clone(self))
    }
}

/// The share of one download.
#[derive(Debug)]
pub(crate) struct StreamShare(Arc<StreamBudget>);

impl StreamShare {
    /// The most streams at present.
    pub(crate) fn limit(&self) -> usize {
        1 + EXTRA_STREAMS / self.0.downloads.load(Ordering::Relaxed).max(1)
    }

    /// The permit for one more stream. Other downloads may still hold more than their share.
    pub(crate) fn extra(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.extra).try_acquire_owned().ok()
    }
}

impl Drop for StreamShare {
    fn drop(&mut self) {
        self.0.downloads.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_share_the_extra_streams() {
        let budget = Arc::<StreamBudget>::default();
        let first = budget.join();
        assert_eq!(first.limit(), 32);
        let second = budget.join();
        assert_eq!((first.limit(), second.limit()), (16, 16));
        let held: Vec<_> = std::iter::from_fn(|| first.extra()).collect();
        assert_eq!(held.len(), EXTRA_STREAMS);
        assert!(second.extra().is_none());
        drop(held);
        assert!(second.extra().is_some());
        drop(first);
        assert_eq!(second.limit(), 32);
    }
}
