//! What is measured of the registry side, for monitoring.

use aar_sync::{AgentStatus, SyncState, Totals};
use jiff::SignedDuration;

use crate::{arrivals::Arrivals, histogram::Histogram};

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
            SyncState::Synced,
            SyncState::Pending,
            SyncState::Building,
            SyncState::Failed,
            SyncState::Conflict,
            SyncState::Held,
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
    let in_step = agent.totals.last_done.unwrap_or(arrivals.since());
    arrivals.now().duration_since(in_step)
}

#[cfg(test)]
mod tests {
    use aar_sync::SyncMode;
    use aar_types::ManualClock;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn who_fails_lags_behind_since_the_last_good_round() {
        let clock = ManualClock::new(Timestamp::from_second(1000).unwrap());
        let arrivals = Arrivals::new(clock.clone().into());
        clock.advance(SignedDuration::from_secs(60));
        let mut agent = AgentStatus::default();
        assert_eq!(lag(&agent, &arrivals), SignedDuration::ZERO);
        agent.mode = Some(SyncMode::Pull);
        assert_eq!(lag(&agent, &arrivals).as_secs(), 60);
        agent.totals.in_step = true;
        assert_eq!(lag(&agent, &arrivals), SignedDuration::ZERO);
        agent.totals.in_step = false;
        agent.totals.last_done = Timestamp::from_second(1050).ok();
        assert_eq!(lag(&agent, &arrivals).as_secs(), 10);
    }
}
