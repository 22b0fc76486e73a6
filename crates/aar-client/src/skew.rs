//! Clocks that differ make good certificates look bad, so the difference is noticed and named.

use std::sync::atomic::{AtomicI64, Ordering};

use aar_types::Clock;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use reqwest::header::{DATE, HeaderMap};

/// Answers take their time and `Date` counts whole seconds; less than this says nothing.
const HARMLESS: SignedDuration = SignedDuration::from_mins(2);

/// How far the registry's clock is ahead of ours, by its last answer.
#[derive(Debug, Default)]
pub(crate) struct Skew(AtomicI64);

impl Skew {
    /// Takes the date of an answer.
    pub(crate) fn observe(&self, headers: &HeaderMap, clock: &Clock) {
        if let Some(theirs) = date(headers) {
            let ahead = theirs.duration_since(clock.now());
            self.0.store(ahead.as_secs(), Ordering::Relaxed);
        }
    }

    /// The difference, where it can do harm.
    pub(crate) fn get(&self) -> Option<SignedDuration> {
        let ahead = SignedDuration::from_secs(self.0.load(Ordering::Relaxed));
        (ahead.abs() >= HARMLESS).then_some(ahead)
    }

    /// The difference in words, to follow a message; empty where it does no harm.
    pub(crate) fn note(&self) -> String {
        self.get().map_or_else(String::new, |ahead| {
            let side = if ahead.is_positive() {
                "ahead of"
            } else {
                "behind"
            };
            format!(
                "; the registry's clock is {:#} {side} the clock of this machine",
                ahead.abs()
            )
        })
    }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let date = rfc2822::parse(text).ok()?;
    Some(date.timestamp())
}

#[cfg(test)]
mod tests {
    use aar_types::ManualClock;

    use super::*;

    fn seen_at(ours: &str) -> Skew {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        let skew = Skew::default();
        skew.observe(&headers, &ManualClock::new(ours.parse().unwrap()).into());
        skew
    }

    #[test]
    fn a_clock_that_is_hours_off_is_named() {
        let skew = seen_at("1994-11-06T05:49:37Z");
        assert_eq!(skew.get(), Some(SignedDuration::from_hours(3)));
        assert!(skew.note().contains("3h ahead of"), "{}", skew.note());
        let skew = seen_at("1994-11-06T08:59:37Z");
        assert!(skew.note().contains("10m behind"), "{}", skew.note());
    }

    #[test]
    fn a_difference_of_seconds_is_nothing() {
        let skew = seen_at("1994-11-06T08:49:00Z");
        assert_eq!((skew.get(), skew.note()), (None, String::new()));
    }

    #[test]
    fn an_answer_without_a_date_says_nothing() {
        let skew = Skew::default();
        skew.observe(&HeaderMap::new(), &Clock::system());
        assert_eq!(skew.get(), None);
    }
}
