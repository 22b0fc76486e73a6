use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Counts, Outcome, RoundReport};

/// What an agent has done since it was started, for monitoring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// The rounds, by how they ended.
    pub rounds: Rounds,
    /// What was done in all of them.
    pub counts: Counts,
    /// When a round last did everything that could be done.
    pub last_done: Option<Timestamp>,
    /// Whether the last round that came to its end did so. One that was cancelled tells nothing.
    #[serde(default)]
    pub in_step: bool,
}

/// Rounds, by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounds {
    /// Everything was done.
    pub done: u64,
    /// Something failed.
    pub incomplete: u64,
    /// Nothing could be done.
    pub failed: u64,
    /// They were ended early.
    pub cancelled: u64,
}

impl Totals {
    /// Adds a round that has ended.
    pub(crate) fn add(&mut self, report: &RoundReport) {
        let rounds = match report.outcome {
            Outcome::Done => &mut self.rounds.done,
            Outcome::Incomplete => &mut self.rounds.incomplete,
            Outcome::Failed => &mut self.rounds.failed,
            Outcome::Cancelled => &mut self.rounds.cancelled,
        };
        *rounds += 1;
        self.counts += report.counts;
        if report.outcome == Outcome::Done {
            self.last_done = Some(report.finished);
        }
        if report.outcome != Outcome::Cancelled {
            self.in_step = report.outcome == Outcome::Done;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: Outcome, second: i64) -> RoundReport {
        RoundReport {
            started: Timestamp::UNIX_EPOCH,
            finished: Timestamp::from_second(second).unwrap(),
            outcome,
            error: None,
            counts: Counts {
                imported: 2,
                bytes_pulled: 100,
                ..Counts::default()
            },
            failures: Vec::new(),
            held: None,
            conflicts: Vec::new(),
        }
    }

    #[test]
    fn rounds_add_up_and_the_last_good_one_is_remembered() {
        let mut totals = Totals::default();
        totals.add(&report(Outcome::Done, 5));
        totals.add(&report(Outcome::Incomplete, 9));
        assert_eq!((totals.rounds.done, totals.rounds.incomplete), (1, 1));
        assert_eq!(
            (totals.counts.imported, totals.counts.bytes_pulled),
            (4, 200)
        );
        assert_eq!(totals.last_done, Timestamp::from_second(5).ok());
    }

    #[test]
    fn a_round_that_was_cancelled_tells_nothing_of_being_in_step() {
        let mut totals = Totals::default();
        for (outcome, in_step) in [
            (Outcome::Cancelled, false),
            (Outcome::Done, true),
            (Outcome::Cancelled, true),
            (Outcome::Failed, false),
            (Outcome::Cancelled, false),
        ] {
            totals.add(&report(outcome, 5));
            assert_eq!(totals.in_step, in_step, "{outcome:?}");
        }
    }
}
