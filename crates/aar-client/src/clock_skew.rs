//! Detecting a difference between the clocks, which makes valid certificates look expired.

use std::sync::atomic::{AtomicI64, Ordering};

use aar_http::{HeaderMap, header::DATE};
use aar_types::Clock;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

/// A smaller difference is ignored: responses take time, and `Date` has whole seconds.
const HARMLESS: SignedDuration = SignedDuration::from_mins(2);

/// How many seconds the registry's clock was ahead at its last response.
#[derive(Debug, Default)]
pub(crate) struct ClockSkew(AtomicI64);

impl ClockSkew {
    pub(crate) fn observe(&self, headers: &HeaderMap, clock: &Clock) {
        if let Some(date) = date(headers) {
            let ahead = date.duration_since(clock.now());
            self.0.store(ahead.as_secs(), Ordering::Relaxed);
        }
    }

    /// The difference, unless it is harmless.
    pub(crate) fn get(&self) -> Option<SignedDuration> {
        let ahead = SignedDuration::from_secs(self.0.load(Ordering::Relaxed));
        (ahead.abs() >= HARMLESS).then_some(ahead)
    }

    /// The difference as an addition to a message; empty for a harmless difference.
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

    fn skew_at(local_time: &str) -> ClockSkew {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        let skew = ClockSkew::default();
        skew.observe(
            &headers,
            &ManualClock::new(local_time.parse().unwrap()).into(),
        );
        skew
    }

    #[test]
    fn difference_of_hours_is_reported() {
        let skew = skew_at("1994-11-06T05:49:37Z");
        assert_eq!(skew.get(), Some(SignedDuration::from_hours(3)));
        assert!(skew.note().contains("3h ahead of"), "{}", skew.note());
        let skew = skew_at("1994-11-06T08:59:37Z");
        assert!(skew.note().contains("10m behind"), "{}", skew.note());
    }

    #[test]
    fn difference_of_seconds_is_ignored() {
        let skew = skew_at("1994-11-06T08:49:00Z");
        assert_eq!((skew.get(), skew.note()), (None, String::new()));
    }

    #[test]
    fn response_without_a_date_is_ignored() {
        let skew = ClockSkew::default();
        skew.observe(&HeaderMap::new(), &Clock::system());
        assert_eq!(skew.get(), None);
    }
}
