use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;

/// Limits requests per second. A burst of one second is admitted, then requests at the rate. The limit
/// may change at any time; a change takes effect with the next request.
#[derive(Debug, Default)]
pub struct RateLimiter(Mutex<Option<(u32, Limiter)>>);

type Limiter = governor::RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

impl RateLimiter {
    /// Whether one more request is within the limit; 0 stands for no limit.
    pub fn admits(&self, per_second: u32) -> bool {
        let Some(limit) = NonZeroU32::new(per_second) else {
            return true;
        };
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if current
            .as_ref()
            .is_none_or(|(known, _)| *known != per_second)
        {
            *current = None;
        }
        let (_, limiter) = current.get_or_insert_with(|| {
            let quota = Quota::per_second(limit);
            (
                per_second,
                Limiter::direct_with_clock(quota, TokioClock::start()),
            )
        });
        limiter.check().is_ok()
    }
}

/// The clock of tokio, which tests can pause.
#[derive(Debug, Clone)]
struct TokioClock(Instant);

impl TokioClock {
    fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limiter: &RateLimiter, per_second: u32, requests: u32) -> usize {
        (0..requests).filter(|_| limiter.admits(per_second)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn burst_of_one_second_is_admitted_before_the_rate_applies() {
        let limiter = RateLimiter::default();
        assert_eq!(admitted(&limiter, 10, 50), 10);
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!(admitted(&limiter, 10, 50), 3);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(admitted(&limiter, 10, 50), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn changed_limit_applies_to_the_next_request() {
        let limiter = RateLimiter::default();
        assert_eq!(admitted(&limiter, 2, 5), 2);
        assert_eq!(admitted(&limiter, 0, 5), 5);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(admitted(&limiter, 4, 50), 4);
    }
}
