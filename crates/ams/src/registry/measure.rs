//! What is measured of the registry side, for monitoring.

use std::sync::{Arc, Mutex, PoisonError};

use aar_sync::{AgentStatus, ApplicationState, Totals};
use aar_types::{Clock, Version};
use jiff::{SignedDuration, Timestamp};

use crate::histogram::Histogram;

/// Bounds for the time that a version takes to arrive, in seconds.
const ARRIVALS: &[f64] = &[
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21600.0,
];

/// How long versions took from their publication until they could be used here. Cheap to clone.
///
/// Only versions count that were published since the start: what had been there before says
/// nothing about how fast the registry side is.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    clock: Clock,
    since: Timestamp,
    times: Arc<Mutex<Histogram>>,
}

impl Arrivals {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            since: clock.now(),
            clock,
            times: Arc::new(Mutex::new(Histogram::new(ARRIVALS))),
        }
    }

    /// A version can be used from now on.
    pub(crate) fn note(&self, version: &Version) {
        if version.published && version.created_at >= self.since {
            let took = self.clock.now().duration_since(version.created_at);
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            times.add(took.as_secs_f64().max(0.0));
        }
    }

    fn read(&self) -> Histogram {
        let times = self.times.lock();
        times.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The measurements at one moment.
#[derive(Debug)]
pub(crate) struct Measured {
    /// What the agent has done since the start.
    pub(crate) totals: Totals,
    /// For how long the two sides have not been known to be in step.
    pub(crate) lag: SignedDuration,
    /// How many applications there are in each state.
    pub(crate) applications: [(&'static str, usize); 6],
    /// How long versions took to arrive, in seconds.
    pub(crate) arrivals: Histogram,
}

impl Measured {
    pub(super) fn of(agent: &AgentStatus, arrivals: &Arrivals) -> Self {
        let states = [
            ApplicationState::Synced,
            ApplicationState::Pending,
            ApplicationState::Building,
            ApplicationState::Failed,
            ApplicationState::Conflict,
            ApplicationState::Held,
        ];
        let count = |state| {
            agent
                .applications
                .iter()
                .filter(|it| it.state == state)
                .count()
        };
        Self {
            totals: agent.totals,
            lag: lag(agent, arrivals),
            applications: states.map(|state| (super::show::state(state), count(state))),
            arrivals: arrivals.read(),
        }
    }
}

/// Behind is who failed to do everything, or still waits for images. That somebody has cancelled a
/// round puts nobody behind.
fn lag(agent: &AgentStatus, arrivals: &Arrivals) -> SignedDuration {
    let is_behind = !agent.totals.in_step || !agent.transfers.is_empty();
    if agent.mode.is_none() || !is_behind {
        return SignedDuration::ZERO;
    }
    let in_step = agent.totals.last_done.unwrap_or(arrivals.since);
    arrivals.clock.now().duration_since(in_step)
}

#[cfg(test)]
mod tests {
    use aar_sync::Mode;
    use aar_types::{Digest, Fingerprint, ImageInfo, ManualClock, VersionManifest, VersionNumber};

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
    fn only_what_was_published_since_the_start_counts() {
        let clock = ManualClock::new(Timestamp::from_second(1000).unwrap());
        let arrivals = Arrivals::new(clock.clone().into());
        let (before, after) = (Timestamp::from_second(999), Timestamp::from_second(1001));
        clock.advance(SignedDuration::from_secs(5));
        arrivals.note(&version(before.unwrap()));
        arrivals.note(&version(after.unwrap()));
        let times = arrivals.read();
        assert_eq!((times.count(), times.sum()), (1, 4.0));
    }

    #[test]
    fn who_fails_lags_behind_since_the_last_good_round() {
        let clock = ManualClock::new(Timestamp::from_second(1000).unwrap());
        let arrivals = Arrivals::new(clock.clone().into());
        clock.advance(SignedDuration::from_secs(60));
        let mut agent = AgentStatus::default();
        assert_eq!(lag(&agent, &arrivals), SignedDuration::ZERO);
        agent.mode = Some(Mode::Pull);
        assert_eq!(lag(&agent, &arrivals).as_secs(), 60);
        agent.totals.in_step = true;
        assert_eq!(lag(&agent, &arrivals), SignedDuration::ZERO);
        agent.totals.in_step = false;
        agent.totals.last_done = Timestamp::from_second(1050).ok();
        assert_eq!(lag(&agent, &arrivals).as_secs(), 10);
    }
}
