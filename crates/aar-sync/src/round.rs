//! One round: look at both sides, plan, take the steps, until there is nothing left to do.
//!
//! A round does not end at the first plan. While images are on their way it listens: at each nudge
//! it looks again and plans again, so a withdrawal or a small new version does not wait for the
//! large one before it, and a transfer that is no longer wanted ends.

use std::{future::Future, sync::Arc};

use aar_client::Listing;
use aar_types::Clock;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    ApplicationStatus, Direction, Failure, LocalCatalogue, Outcome, PullAction, RoundReport,
    SeenRegistry,
    apply::Step,
    assignment::{Assignment, Nudge},
    confirmation::{Confirmation, withdrawn},
    error::Error,
    site::{Seen, Site},
    standing::standings,
    survey::{Plan, Survey},
    tally::Tally,
    transfers::{Ended, Transfers},
};

/// How a round went.
pub(crate) struct Finished {
    pub(crate) report: RoundReport,
    /// Where the applications stand; absent when it did not come far enough to tell.
    pub(crate) applications: Option<Vec<ApplicationStatus>>,
    /// The nudge that its last look answered; absent when it broke down.
    pub(crate) answered: Option<u64>,
}

/// Why a round looks up from its transfers.
#[derive(PartialEq, Eq)]
enum Wake {
    Nudged,
    AllEnded,
}

pub(crate) struct Round<L> {
    site: Arc<Site<L>>,
    assignment: Assignment,
    /// What it was told. Confirmations in it end here, when they have served their purpose.
    nudges: watch::Sender<Nudge>,
    heard: watch::Receiver<Nudge>,
    cancelled: CancellationToken,
    transfers: Transfers,
    plan: Plan,
    /// What the plan counts on.
    confirmed: Vec<Confirmation>,
    tally: Tally,
    error: Option<String>,
    /// Whether there is nothing that could be done about the one application that was asked for.
    impossible: bool,
    clock: Clock,
    /// The nudge that the last look answers.
    answered: u64,
}

impl<L: LocalCatalogue> Round<L> {
    pub(crate) fn new(
        site: Arc<Site<L>>,
        assignment: Assignment,
        nudges: watch::Sender<Nudge>,
        cancelled: CancellationToken,
        clock: Clock,
    ) -> Self {
        Self {
            site,
            assignment,
            heard: nudges.subscribe(),
            nudges,
            cancelled,
            transfers: Transfers::default(),
            plan: Plan::default(),
            confirmed: Vec::new(),
            tally: Tally::default(),
            error: None,
            impossible: false,
            clock,
            answered: 0,
        }
    }

    pub(crate) async fn run(mut self, started: Timestamp) -> Finished {
        let result = self.reconcile().await;
        self.end_transfers().await;
        let outcome = self.outcome(result.is_ok());
        if let Err(error) = result {
            self.error = Some(error.chain());
        }
        let failures = self.tally.failures();
        Finished {
            answered: Some(self.answered),
            applications: self.standings(outcome, &failures).await,
            report: RoundReport {
                started,
                finished: self.clock.now(),
                outcome,
                error: self.error,
                counts: self.tally.counts,
                failures,
                held: self.plan.held,
                conflicts: self.plan.conflicts,
            },
        }
    }

    /// Where the applications stand at the end, as far as it is known.
    async fn standings(
        &self,
        outcome: Outcome,
        failures: &[Failure],
    ) -> Option<Vec<ApplicationStatus>> {
        match outcome {
            _ if self.impossible => None,
            Outcome::Done | Outcome::Incomplete => Some(standings(&self.plan, failures)),
            Outcome::Failed if self.assignment.only.is_none() => {
                let outlook = self.site.outlook(failures).await;
                outlook.map(|outlook| outlook.applications)
            }
            Outcome::Failed | Outcome::Cancelled => None,
        }
    }

    fn outcome(&self, came_through: bool) -> Outcome {
        match came_through {
            _ if self.cancelled.is_cancelled() => Outcome::Cancelled,
            false => Outcome::Failed,
            true if self.tally.is_flawless() && self.error.is_none() => Outcome::Done,
            true => Outcome::Incomplete,
        }
    }

    async fn reconcile(&mut self) -> Result<(), Error> {
        let mut registry = self.look().await?;
        loop {
            self.make_plan(&registry.listing).await?;
            if !registry.complete && self.plan.removes() {
                registry = self.look_at_all().await?;
                continue;
            }
            let before = std::mem::take(&mut self.plan.before);
            self.take_all(before).await;
            self.settle();
            if self.transfers.is_empty() {
                let after = std::mem::take(&mut self.plan.after);
                self.take_all(after).await;
                if self.cancelled.is_cancelled() {
                    return Ok(());
                }
                if !self.is_still_confirmed() {
                    continue;
                }
                if !self.is_nudged() {
                    return self.end(&registry.listing).await;
                }
            }
            if let Some(newer) = self.wait().await {
                registry = newer;
            }
        }
    }

    /// What was confirmed has been carried out, and that is remembered with one more plan.
    async fn end(&mut self, registry: &Listing) -> Result<(), Error> {
        if !self.confirmed.is_empty() {
            self.make_plan(registry).await?;
        }
        self.sweep().await;
        Ok(())
    }

    /// Whether everybody stands by what the plan counts on.
    fn is_still_confirmed(&self) -> bool {
        self.confirmed.iter().all(Confirmation::stands)
    }

    fn is_nudged(&self) -> bool {
        self.heard.has_changed().unwrap_or(false)
    }

    /// What the registry has now. It answers every nudge that came before.
    async fn look(&mut self) -> Result<Seen, Error> {
        let nudge = self.heard.borrow_and_update().clone();
        self.answered = nudge.count;
        let site = Arc::clone(&self.site);
        if self.is_pull() && nudge.by_feed_only {
            self.unless_cancelled(site.glance()).await
        } else {
            self.unless_cancelled(site.look()).await
        }
    }

    async fn look_at_all(&mut self) -> Result<Seen, Error> {
        let site = Arc::clone(&self.site);
        self.unless_cancelled(site.look()).await
    }

    async fn unless_cancelled(
        &mut self,
        look: impl Future<Output = Result<Seen, Error>>,
    ) -> Result<Seen, Error> {
        let seen = tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(aar_client::Error::Cancelled.into()),
            seen = look => seen,
        }?;
        self.error = None;
        let registry = SeenRegistry {
            id: seen.listing.registry_id.clone(),
            revision: seen.listing.revision,
            at: self.clock.now(),
        };
        self.site
            .board
            .write(|status| status.registry = Some(registry));
        Ok(seen)
    }

    async fn make_plan(&mut self, registry: &Listing) -> Result<(), Error> {
        let mut confirmed = self.nudges.borrow().confirmed.clone();
        confirmed.retain(Confirmation::stands);
        self.confirmed = confirmed;
        let confirmed: Vec<_> = self.confirmed.iter().map(|it| it.held.clone()).collect();
        let survey = Survey {
            site: &self.site,
            assignment: &self.assignment,
            confirmed: &confirmed,
        };
        self.plan = survey.plan(registry).await?;
        self.nudges.send_if_modified(|nudge| {
            nudge.keep_confirmed(&self.plan.losing());
            // That is nothing to look up for.
            false
        });
        if let Some(only) = &self.assignment.only {
            let impossible = self.plan.impossible.take();
            self.impossible = impossible.is_some();
            self.tally.judge(only, impossible);
        }
        if self.assignment.only.is_none() {
            self.site.board.write(|status| {
                status.applications = standings(&self.plan, &[]);
                status.held.clone_from(&self.plan.held);
            });
        }
        Ok(())
    }

    /// Lets the transfers go on until they have ended or a nudge comes, then looks again where
    /// that may show something new.
    async fn wait(&mut self) -> Option<Seen> {
        let wake = self.wake().await;
        if wake == Wake::Nudged {
            self.transfers.forget();
        }
        // What is pulled changes this side only.
        if wake == Wake::AllEnded && self.is_pull() || self.cancelled.is_cancelled() {
            return None;
        }
        let looked = self.look().await;
        // What was begun goes on; the next round looks again.
        looked
            .map_err(|error| self.error = Some(error.chain()))
            .ok()
    }

    async fn wake(&mut self) -> Wake {
        loop {
            tokio::select! {
                biased;
                () = self.cancelled.cancelled() => {
                    self.end_transfers().await;
                    return Wake::AllEnded;
                }
                Ok(()) = self.heard.changed() => return Wake::Nudged,
                () = withdrawn(&self.confirmed) => return Wake::Nudged,
                ended = self.transfers.next() => match ended {
                    Some(ended) => self.note(ended),
                    None => return Wake::AllEnded,
                },
            }
        }
    }

    async fn end_transfers(&mut self) {
        self.transfers.cancel();
        while let Some(ended) = self.transfers.next().await {
            self.note(ended);
        }
    }

    /// Brings the running transfers in line with the plan.
    fn settle(&mut self) {
        if self.cancelled.is_cancelled() {
            return;
        }
        let wanted = std::mem::take(&mut self.plan.transfers);
        let wanted = self.tally.without_failed(wanted);
        self.transfers.settle(&self.site, wanted);
    }

    async fn take_all(&mut self, steps: Vec<Step>) {
        for step in steps {
            let withdrawn = step.is_removal() && !self.is_still_confirmed();
            if self.cancelled.is_cancelled() || withdrawn {
                return;
            }
            if !self.tally.must_stay(&step) {
                let result = self.site.take(&step, &self.cancelled).await;
                self.note(Ended { step, result });
            }
        }
    }

    fn note(&mut self, ended: Ended) {
        if let (Step::Pull(PullAction::RemoveApplication { application }), Ok(_)) =
            (&ended.step, &ended.result)
        {
            self.plan.names.remove(application);
        }
        self.tally.note(ended);
    }

    /// Partial files of images that nobody wants any more are of no use.
    async fn sweep(&mut self) {
        let whole = self.assignment.only.is_none() && !self.cancelled.is_cancelled();
        if whole && self.is_pull() {
            let wanted = self.tally.missing_images();
            let swept = self.site.catalogue.retain_partial_files(&wanted).await;
            // Everything is in step all the same, and the next round sweeps again.
            if let Err(error) = swept {
                tracing::warn!(%error, "files of images that nobody wants could not be removed");
            }
        }
    }

    fn is_pull(&self) -> bool {
        self.assignment.direction == Direction::Pull
    }
}
