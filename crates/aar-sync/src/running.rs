//! A round as a task of its own, and those who wait for it.

use std::sync::Arc;

use aar_types::Clock;
use jiff::Timestamp;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Counts, Held, LocalCatalogue, Outcome, RoundRefused, RoundReport,
    assignment::{Assignment, Nudge},
    message::Reply,
    round::{Finished, Round},
    site::Site,
};

/// A round that runs.
pub(crate) struct Running {
    pub(crate) assignment: Assignment,
    pub(crate) started: Timestamp,
    pub(crate) task: JoinHandle<Finished>,
    pub(crate) nudges: watch::Sender<Nudge>,
    pub(crate) cancelled: CancellationToken,
    pub(crate) waiting: Vec<Reply>,
    /// What was done before it had to run again.
    pub(crate) earlier: Counts,
}

/// A round that waits for its turn.
pub(crate) struct Queued {
    pub(crate) assignment: Assignment,
    pub(crate) confirmed: Vec<Held>,
    pub(crate) waiting: Vec<Reply>,
}

impl Running {
    pub(crate) fn start<L: LocalCatalogue>(
        site: Arc<Site<L>>,
        assignment: Assignment,
        nudge: Nudge,
        clock: Clock,
    ) -> Self {
        let nudges = watch::Sender::new(nudge);
        let cancelled = CancellationToken::new();
        let heard = nudges.clone();
        let round = Round::new(site, assignment.clone(), heard, cancelled.clone());
        let started = clock.now();
        Self {
            assignment,
            started,
            task: tokio::spawn(round.run(started, clock)),
            nudges,
            cancelled,
            waiting: Vec::new(),
            earlier: Counts::default(),
        }
    }

    /// Lets it look again.
    pub(crate) fn nudge(&self, more: Nudge) {
        self.nudges.send_modify(|nudge| nudge.add(more));
    }

    /// Whether it was nudged after its last look. The round itself cannot tell: nudges still come
    /// between its last step and the moment when its end is noticed.
    pub(crate) fn has_news_since(&self, finished: &Finished) -> bool {
        let count = self.nudges.borrow().count;
        finished.answered.is_some_and(|answered| answered != count)
    }
}

/// Waits for the running round; for ever while there is none.
pub(crate) async fn joined(running: &mut Option<Running>) -> Finished {
    match running {
        Some(running) => outcome(&mut running.task, running.started).await,
        None => std::future::pending().await,
    }
}

/// How a round went; one that panicked has failed, and the agent goes on.
async fn outcome(task: &mut JoinHandle<Finished>, started: Timestamp) -> Finished {
    task.await.unwrap_or_else(|error| Finished {
        applications: None,
        answered: None,
        report: RoundReport {
            started,
            finished: started,
            outcome: Outcome::Failed,
            error: Some(format!("the round broke down, which is a defect: {error}")),
            counts: Counts::default(),
            failures: Vec::new(),
            held: None,
            conflicts: Vec::new(),
        },
    })
}

pub(crate) fn answer(reply: Reply, result: Result<RoundReport, RoundRefused>) {
    // Whoever asked may have gone; the round has run all the same.
    let _ = reply.send(result);
}
