//! Metrics of the registry agent.

use aar_sync::{AgentStatus, SyncState, Totals};
use jiff::SignedDuration;
use prometheus_client::metrics::histogram::Histogram;

use crate::arrivals::Arrivals;

#[derive(Debug)]
pub(crate) struct AgentMetrics {
    pub(crate) totals: Totals,
    /// Since both sides were last known to be in sync.
    pub(crate) lag: SignedDuration,
    /// The number of applications in each state.
    pub(crate) applications: [(&'static str, usize); 6],
    /// Seconds from the publication of a version to its import.
    pub(crate) arrivals: Histogram,
}

impl AgentMetrics {
    pub(super) fn new(agent: &AgentStatus, arrivals: &Arrivals) -> Self {
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
            applications: states.map(|state| (super::view::state(state), count(state))),
            arrivals: arrivals.times().clone(),
        }
    }
}

/// An AMS lags if its last round was not done or transfers are in flight. A cancelled round is no
/// reason.
fn lag(agent: &AgentStatus, arrivals: &Arrivals) -> SignedDuration {
    let lags = !agent.totals.in_step || !agent.transfers.is_empty();
    if agent.mode.is_none() || !lags {
        return SignedDuration::ZERO;
    }
    let in_step = agent.totals.last_done.unwrap_or(arrivals.since());
    // A round may have ended while the clock was ahead.
    arrivals
        .now()
        .duration_since(in_step)
        .max(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use aar_sync::SyncMode;
    use aar_types::ManualClock;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn failing_agent_lags_since_its_last_done_round() {
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
