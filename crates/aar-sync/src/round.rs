//! One round: look at both sides, plan, take the steps, until there is nothing left to do.
//!
//! A round does not end at the first plan. While images are on their way it listens: at each nudge
//! it looks again and plans again, so a withdrawal or a small new version does not wait for the
//! large one before it, and a transfer that is no longer wanted ends.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use aar_client::Listing;
use aar_types::{ApplicationName, Clock, ImageInfo, VersionNumber};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    ApplicationStatus, Counts, Direction, Failure, KnownRegistry, LocalCatalogue, Outcome,
    PullAction, RoundReport,
    apply::{Done, Step},
    error::Error,
    site::{Seen, Site},
    standing::standings,
    survey::{Plan, Survey},
    transfers::{Ended, Transfers},
};

/// What a round is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) direction: Direction,
    /// The application, where it is about one.
    pub(crate) only: Option<ApplicationName>,
}

/// What a running round is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Nudge {
    /// Counts how often something has changed.
    pub(crate) count: u64,
    /// Whether somebody has confirmed removals.
    pub(crate) confirmed: bool,
    /// Whether nobody asks but the change feed, which says what has changed.
    pub(crate) by_feed_only: bool,
}

impl Nudge {
    /// Somebody asks.
    pub(crate) fn by_hand(confirmed: bool) -> Self {
        Self {
            confirmed,
            ..Self::default()
        }
    }
}

/// How a round went.
pub(crate) struct Finished {
    pub(crate) report: RoundReport,
    /// Where the applications stand; absent when it did not come far enough to tell.
    pub(crate) applications: Option<Vec<ApplicationStatus>>,
    /// The nudge that its last look answered; absent when it broke down.
    pub(crate) answered: Option<u64>,
}

/// What went wrong with a step, or with the whole assignment.
struct Trouble {
    step: Option<Step>,
    error: Error,
}

impl Trouble {
    fn image(&self) -> Option<&ImageInfo> {
        self.step.as_ref()?.image()
    }
}

/// Why a round looks up from its transfers.
#[derive(PartialEq, Eq)]
enum Wake {
    Nudged,
    AllEnded,
}

type Key = (ApplicationName, Option<VersionNumber>);

pub(crate) struct Round<L> {
    site: Arc<Site<L>>,
    assignment: Assignment,
    nudges: watch::Receiver<Nudge>,
    cancelled: CancellationToken,
    transfers: Transfers,
    plan: Plan,
    counts: Counts,
    failures: BTreeMap<Key, Trouble>,
    error: Option<String>,
    /// The nudge that the last look answers.
    answered: u64,
}

impl<L: LocalCatalogue> Round<L> {
    pub(crate) fn new(
        site: Arc<Site<L>>,
        assignment: Assignment,
        nudges: watch::Receiver<Nudge>,
        cancelled: CancellationToken,
    ) -> Self {
        Self {
            site,
            assignment,
            nudges,
            cancelled,
            transfers: Transfers::default(),
            plan: Plan::default(),
            counts: Counts::default(),
            failures: BTreeMap::new(),
            error: None,
            answered: 0,
        }
    }

    pub(crate) async fn run(mut self, started: Timestamp, clock: Clock) -> Finished {
        let result = self.reconcile().await;
        self.end_transfers().await;
        let outcome = self.outcome(result.is_ok());
        if let Err(error) = result {
            self.error = Some(error.chain());
        }
        let told = matches!(outcome, Outcome::Done | Outcome::Incomplete);
        let failures = failures(self.failures);
        Finished {
            answered: Some(self.answered),
            applications: told.then(|| standings(&self.plan, &failures)),
            report: RoundReport {
                started,
                finished: clock.now(),
                outcome,
                error: self.error,
                counts: self.counts,
                failures,
                held: self.plan.held,
                conflicts: self.plan.conflicts,
            },
        }
    }

    fn outcome(&self, came_through: bool) -> Outcome {
        match came_through {
            _ if self.cancelled.is_cancelled() => Outcome::Cancelled,
            false => Outcome::Failed,
            true if self.failures.is_empty() && self.error.is_none() => Outcome::Done,
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
                if self.cancelled.is_cancelled() || !self.is_nudged() {
                    return self.sweep().await;
                }
            }
            if let Some(newer) = self.wait().await {
                registry = newer;
            }
        }
    }

    fn is_nudged(&self) -> bool {
        self.nudges.has_changed().unwrap_or(false)
    }

    /// What the registry has now. It answers every nudge that came before.
    async fn look(&mut self) -> Result<Seen, Error> {
        let nudge = *self.nudges.borrow_and_update();
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
        let registry = KnownRegistry {
            id: seen.listing.registry_id.clone(),
            revision: seen.listing.revision,
        };
        self.site
            .board
            .write(|status| status.registry = Some(registry));
        Ok(seen)
    }

    async fn make_plan(&mut self, registry: &Listing) -> Result<(), Error> {
        let survey = Survey {
            site: &self.site,
            assignment: &self.assignment,
            confirmed: self.nudges.borrow().confirmed,
        };
        self.plan = survey.plan(registry).await?;
        if let (Some(error), Some(only)) = (self.plan.impossible.take(), &self.assignment.only) {
            let trouble = Trouble { step: None, error };
            self.failures.insert((only.clone(), None), trouble);
        }
        if self.assignment.only.is_none() {
            let standings = standings(&self.plan, &[]);
            self.site
                .board
                .write(|status| status.applications = standings);
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
                Ok(()) = self.nudges.changed() => return Wake::Nudged,
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

    /// Brings the running transfers in line with the plan. What has failed in this round is left
    /// to the next one.
    fn settle(&mut self) {
        if self.cancelled.is_cancelled() {
            return;
        }
        let mut wanted = std::mem::take(&mut self.plan.transfers);
        self.failures.retain(|_, trouble| match &trouble.step {
            Some(step) if step.image().is_some() => wanted.contains(step),
            _ => true,
        });
        wanted.retain(|step| !self.failures.contains_key(&key(step)));
        self.transfers.settle(&self.site, wanted);
    }

    async fn take_all(&mut self, steps: Vec<Step>) {
        for step in steps {
            if self.cancelled.is_cancelled() {
                return;
            }
            if !self.must_stay(&step) {
                let result = self.site.take(&step, &self.cancelled).await;
                self.note(Ended { step, result });
            }
        }
    }

    /// A version stays while what takes its place cannot be imported: better the old one than
    /// none. Where space is lacking it goes, because that makes some.
    fn must_stay(&self, step: &Step) -> bool {
        let lacking = |(key, trouble): (&Key, &Trouble)| {
            let import = trouble.image().is_some() && !trouble.error.is_no_space();
            import && key.0 == *step.application()
        };
        step.is_removal() && self.failures.iter().any(lacking)
    }

    fn note(&mut self, ended: Ended) {
        let key = key(&ended.step);
        match ended.result {
            Ok(done) => {
                self.failures.remove(&key);
                self.count(done, ended.step.image());
                if let Step::Pull(PullAction::RemoveApplication { application }) = &ended.step {
                    self.plan.names.remove(application);
                }
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                let step = Some(ended.step);
                self.failures.insert(key, Trouble { step, error });
            }
        }
    }

    fn count(&mut self, done: Done, image: Option<&ImageInfo>) {
        let bytes = image.map_or(0, |image| image.size);
        let counter = match done {
            Done::Imported => {
                self.counts.bytes_pulled += bytes;
                &mut self.counts.imported
            }
            Done::Pushed => {
                self.counts.bytes_pushed += bytes;
                &mut self.counts.pushed
            }
            Done::Updated => &mut self.counts.updated,
            Done::Removed => &mut self.counts.removed,
        };
        *counter += 1;
    }

    /// Partial files of images that nobody wants any more are of no use.
    async fn sweep(&mut self) -> Result<(), Error> {
        let whole = self.assignment.only.is_none() && !self.cancelled.is_cancelled();
        if whole && self.is_pull() {
            let wanted = self.failures.values().filter_map(Trouble::image);
            let wanted: Vec<_> = wanted.copied().collect();
            self.site.catalogue.retain_partial_files(&wanted).await?;
        }
        Ok(())
    }

    fn is_pull(&self) -> bool {
        self.assignment.direction == Direction::Pull
    }
}

fn key(step: &Step) -> Key {
    (step.application().clone(), step.version())
}

fn failures(troubles: BTreeMap<Key, Trouble>) -> Vec<Failure> {
    let failure = |((application, version), trouble): (Key, Trouble)| Failure {
        application,
        version,
        error: trouble.error.chain(),
    };
    troubles.into_iter().map(failure).collect()
}
