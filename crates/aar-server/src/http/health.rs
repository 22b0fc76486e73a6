use std::time::Duration;

use aar_types::ServerStatus;
use tokio::{sync::Mutex, time::Instant};

/// How long a result is valid.
const TTL: Duration = Duration::from_secs(1);

/// The last result of the health check. The check writes to the disk and needs no certificate, so callers
/// must not be able to repeat it at will. Concurrent callers wait for one check.
#[derive(Default)]
pub(super) struct HealthCache(Mutex<Option<(Instant, ServerStatus)>>);

impl HealthCache {
    pub(super) async fn get<F>(&self, check: impl FnOnce() -> F) -> ServerStatus
    where
        F: Future<Output = ServerStatus>,
    {
        let mut last = self.0.lock().await;
        if let Some((at, status)) = &*last
            && at.elapsed() < TTL
        {
            return status.clone();
        }
        let status = check().await;
        *last = Some((Instant::now(), status.clone()));
        status
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use aar_types::Revision;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn check_runs_once_a_second() {
        let (cache, checks) = (HealthCache::default(), Cell::new(0));
        let check = || async {
            checks.set(checks.get() + 1);
            ServerStatus {
                healthy: true,
                problems: vec![],
                revision: Revision::default(),
            }
        };
        for _ in 0..10 {
            cache.get(check).await;
        }
        assert_eq!(checks.get(), 1);
        tokio::time::advance(TTL).await;
        cache.get(check).await;
        assert_eq!(checks.get(), 2);
    }
}
