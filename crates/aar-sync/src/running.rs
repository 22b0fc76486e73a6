//! A round as a task of its own, and those who wait for it.

use std::sync::Arc;

use aar_types::Clock;
use jiff::Timestamp;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Counts, LocalCatalogue, Outcome, RoundRefused, RoundReport,
    assignment::{Assignment, Nudge},
    confirmation::Confirmation,
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
    /// Whether the agent has a reason of its own for it: then it goes on when nobody waits.
    pub(crate) by_itself: bool,
    /// What was done before it had to run again.
    pub(crate) earlier: Counts,
}

/// A round that waits for its turn.
pub(crate) struct Queued {
    pub(crate) assignment: Assignment,
    pub(crate) confirmed: Vec<Confirmation>,
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
        let started = clock.now();
        let round = Round::new(site, assignment.clone(), heard, cancelled.clone(), clock);
        Self {
            assignment,
            started,
            task: tokio::spawn(round.run(started)),
            nudges,
            cancelled,
            waiting: Vec::new(),
            by_itself: false,
            earlier: Counts::default(),
        }
    }

    /// Whether it is about everything, and goes on.
    pub(crate) fn is_whole(&self) -> bool {
        self.assignment.only.is_none() && !self.cancelled.is_cancelled()
    }

    /// Whether somebody who asks for this can join it. A round that is told to end takes nobody.
    pub(crate) fn serves(&self, assignment: &Assignment) -> bool {
        self.assignment == *assignment && !self.cancelled.is_cancelled()
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

impl Queued {
    /// Whether somebody still waits for it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.iter().any(|reply| !reply.is_closed())
    }
}

/// Waits until nobody has a reason for a round any more.
async fn deserted(by_itself: bool, waiting: &mut [Reply]) {
    if by_itself {
        return std::future::pending().await;
    }
    for reply in waiting {
        reply.closed().await;
    }
}

/// Waits for the running round; for ever while there is none. One that nobody wants any more is
/// told to end.
pub(crate) async fn joined(running: &mut Option<Running>) -> Finished {
    let Some(running) = running else {
        return std::future::pending().await;
    };
    if !running.task.is_finished() && !running.cancelled.is_cancelled() {
        tokio::select! {
            finished = outcome(&mut running.task, running.started) => return finished,
            () = deserted(running.by_itself, &mut running.waiting) => running.cancelled.cancel(),
        }
    }
    outcome(&mut running.task, running.started).await
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
    // Whoever asked may have gone.
    let _ = reply.send(result);
}
