use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// When the revision and the trust table were read last.
#[derive(Debug)]
pub(crate) struct LastRefresh {
    start: Instant,
    millis: AtomicU64,
}

impl Default for LastRefresh {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            millis: AtomicU64::new(0),
        }
    }
}

impl LastRefresh {
    pub(crate) fn record(&self, at: Instant) {
        let millis = at.saturating_duration_since(self.start).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.millis.fetch_max(millis, Ordering::Relaxed);
    }

    pub(crate) fn age(&self) -> Duration {
        let last = Duration::from_millis(self.millis.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(last)
    }
}
