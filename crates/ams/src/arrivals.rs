//! How long versions take from their publication until they can be used here.

use aar_types::{Clock, Version};
use jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;

/// The bounds of the histogram, in seconds.
const BOUNDS: [f64; 13] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21600.0,
];

/// The times from publication to usability. Cheap to clone.
///
/// Versions that were published before the start do not count: their times would depend on when
/// AMS was started.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    clock: Clock,
    since: Timestamp,
    times: Histogram,
}

impl Arrivals {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            since: clock.now(),
            clock,
            times: Histogram::new(BOUNDS),
        }
    }

    /// The start: versions published since then count.
    pub(crate) fn since(&self) -> Timestamp {
        self.since
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Counts a version that has become usable now.
    pub(crate) fn note(&self, version: &Version) {
        if version.published && version.created_at >= self.since {
            let took = self.now().duration_since(version.created_at);
            self.times.observe(took.as_secs_f64().max(0.0));
        }
    }

    pub(crate) fn times(&self) -> &Histogram {
        &self.times
    }
}

#[cfg(test)]
mod tests {
    use aar_types::{Digest, Fingerprint, ImageInfo, ManualClock, VersionManifest, VersionNumber};
    use jiff::SignedDuration;

    use super::*;

    fn version(created_at: Timestamp) -> Version {
        Version {
            number: VersionNumber(0),
            published: true,
            created_at,
            manifest: VersionManifest::default(),
            image: ImageInfo {
                fingerprint: Fingerprint::from_bytes([0; 32]),
                digest: Digest::from_bytes([0; 32]),
                size: 1,
            },
        }
    }

    #[test]
    fn only_versions_published_since_the_start_count() {
        let clock = ManualClock::new(Timestamp::from_second(1000).unwrap());
        let arrivals = Arrivals::new(clock.clone().into());
        let (before, after) = (Timestamp::from_second(999), Timestamp::from_second(1001));
        clock.advance(SignedDuration::from_secs(5));
        arrivals.note(&version(before.unwrap()));
        arrivals.note(&version(after.unwrap()));
        let times = arrivals.times();
        assert_eq!((times.count(), times.sum()), (1, 4.0));
    }
}
