use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

/// How long a result is valid.
const TTL: Duration = Duration::from_secs(1);

/// The last result of a check that callers without a certificate can ask for. It costs requests to the disk or
/// the database, so callers must not be able to repeat it at will. Concurrent callers wait for one check.
pub(crate) struct Cached<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Cached<T> {
    pub(crate) async fn get<F>(&self, check: impl FnOnce() -> F) -> T
    where
        F: Future<Output = T>,
    {
        let mut last = self.0.lock().await;
        if let Some((at, result)) = &*last
            && at.elapsed() < TTL
        {
            return result.clone();
        }
        let result = check().await;
        *last = Some((Instant::now(), result.clone()));
        result
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn check_runs_once_a_second() {
        let (cache, checks) = (Cached::default(), Cell::new(0));
        let check = || async {
            checks.set(checks.get() + 1);
            checks.get()
        };
        for _ in 0..10 {
            assert_eq!(cache.get(check).await, 1);
        }
        tokio::time::advance(TTL).await;
        assert_eq!(cache.get(check).await, 2);
    }
}
