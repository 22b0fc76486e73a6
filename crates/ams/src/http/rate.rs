//! The limit on requests per second of the HTTPS endpoint.
//!
//! It is spent evenly: a second's worth may come at once, then the requests have to keep the pace.
//! The limit is read anew with every request, so a change applies to the next one.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How far the requests so far have used up the time.
#[derive(Debug)]
pub(super) struct Pace {
    paid_until: Mutex<Instant>,
}

impl Pace {
    /// Nothing is used up yet.
    pub(super) fn new() -> Self {
        let paid_until = Mutex::new(Instant::now());
        Self { paid_until }
    }

    /// Whether one more request fits now. A limit of zero stands for no limit.
    pub(super) fn admits(&self, per_second: u32) -> bool {
        if per_second == 0 {
            return true;
        }
        let now = Instant::now();
        let cost = Duration::from_secs(1) / per_second;
        let mut paid_until = self
            .paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let next = (*paid_until).max(now) + cost;
        let fits = next <= now + Duration::from_secs(1);
        if fits {
            *paid_until = next;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(pace: &Pace, per_second: u32, requests: u32) -> usize {
        (0..requests).filter(|_| pace.admits(per_second)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_seconds_worth_is_admitted_at_once_and_then_at_the_pace() {
        let pace = Pace::new();
        assert_eq!(admitted(&pace, 10, 50), 10);
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!(admitted(&pace, 10, 50), 3);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(admitted(&pace, 10, 50), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_limit_applies_to_the_next_request() {
        let pace = Pace::new();
        assert_eq!(admitted(&pace, 2, 5), 2);
        assert_eq!(admitted(&pace, 0, 5), 5);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(admitted(&pace, 4, 50), 4);
    }
}
