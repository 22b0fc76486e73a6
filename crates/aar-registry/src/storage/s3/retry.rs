//! How long and how often requests are repeated, by whoever sends them.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use object_store::{BackoffConfig, RetryConfig};
use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// Each pause is at most so many times the one before. Where it is drawn by lot, as here, it has
/// to be more than 2.8 for them to grow at all.
const GROWTH: u32 = 4;
/// The signature of the first attempt has to be good for the last.
const TIME: Duration = Duration::from_mins(2);
/// More than fit into the time, however short the pauses are: it is the time that ends it.
const TIMES: usize = (TIME.as_millis() / FIRST.as_millis()) as usize;
/// Whoever starts the registry is waiting for the sentence.
const TIME_AT_START: Duration = Duration::from_secs(4);
/// For one answer, where somebody waits.
const SHORT_ANSWER: Duration = Duration::from_secs(10);

/// Throttling, time-outs and resets pass.
pub(super) fn of_store() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: FIRST,
            max_backoff: LONGEST,
            base: f64::from(GROWTH),
        },
        max_retries: TIMES,
        retry_timeout: TIME,
    }
}

/// How long to go on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Patience {
    /// At the start.
    Short,
    /// While there is work that would be lost.
    #[default]
    Long,
}

impl Patience {
    /// How long one answer is waited for, where that is less than what its kind [may
    /// take](super::limit).
    pub(super) fn answer(self) -> Duration {
        match self {
            Self::Short => SHORT_ANSWER,
            Self::Long => Duration::MAX,
        }
    }
}

/// The pauses between the attempts of one request.
pub(super) struct Pauses {
    until: Instant,
    last: Duration,
}

impl Pauses {
    pub(super) fn new(patience: Patience) -> Self {
        let time = match patience {
            Patience::Short => TIME_AT_START,
            Patience::Long => TIME,
        };
        Self {
            until: Instant::now() + time,
            last: FIRST,
        }
    }

    /// Waits before another attempt. Tells whether there is to be one.
    pub(super) async fn wait(&mut self) -> bool {
        let pause = self.last;
        if Instant::now() + pause > self.until {
            return false;
        }
        self.last = drawn(FIRST, pause * GROWTH).min(LONGEST);
        tokio::time::sleep(pause).await;
        true
    }
}

/// A time between these, drawn by lot: many that were refused at once do not come back at once.
fn drawn(least: Duration, most: Duration) -> Duration {
    let lot = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(u32::MAX);
    least
        + most
            .saturating_sub(least)
            .mul_f64(f64::from(lot) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waited(patience: Patience) -> (usize, Duration) {
        let (begun, mut pauses, mut times) = (Instant::now(), Pauses::new(patience), 0);
        while pauses.wait().await {
            times += 1;
        }
        (times, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_for_until_the_time_is_over() {
        let (times, long) = waited(Patience::Long).await;
        assert!((12..=TIMES).contains(&times), "{times}");
        assert!(long <= TIME && long + LONGEST > TIME, "{long:?}");
        let (times, short) = waited(Patience::Short).await;
        assert!(times >= 2 && short <= TIME_AT_START, "{times} {short:?}");
    }
}
