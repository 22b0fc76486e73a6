//! A round: what it is asked for, and how it went.

use std::collections::BTreeMap;

use aar_types::{ApplicationName, ImageInfo, VersionNumber, error_chain};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{
    config::{RegistryConfig, SyncDirection},
    error::{Error, RoundRefused},
    held::{Confirmation, HeldRemovals},
    plan::{Action, Conflict, Step},
};

#[derive(Debug)]
pub(crate) enum AgentMessage {
    SyncNow {
        confirmation: Option<Confirmation>,
        reply: ReplySender,
    },
    SyncOne {
        scope: Scope,
        reply: ReplySender,
    },
    Configure(RegistryConfig),
    LocalChanged,
    DeletedInRegistry(ApplicationName),
    Stop(oneshot::Sender<()>),
}

pub(crate) type ReplySender = oneshot::Sender<Result<RoundReport, RoundRefused>>;

pub(crate) fn reply(sender: ReplySender, result: Result<RoundReport, RoundRefused>) {
    // The requester may have cancelled.
    let _ = sender.send(result);
}

/// The applications and the direction of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) direction: SyncDirection,
    /// `None` for a full round, which covers all applications.
    pub(crate) application: Option<ApplicationName>,
}

impl Scope {
    pub(crate) fn is_full(&self) -> bool {
        self.application.is_none()
    }
}

/// The wake-ups that a round has received so far. Each makes it observe the registry again.
#[derive(Debug, Clone, Default)]
pub(crate) struct WakeUps {
    pub(crate) count: u64,
    pub(crate) confirmations: Vec<Confirmation>,
    /// Whether all came from the change feed, which says what has changed.
    pub(crate) only_by_feed: bool,
}

impl WakeUps {
    pub(crate) fn by_request(confirmations: Vec<Confirmation>) -> Self {
        Self {
            confirmations,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.count += 1;
        self.confirmations.extend(more.confirmations);
        self.only_by_feed &= more.only_by_feed;
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundReport {
    pub started: Timestamp,
    pub finished: Timestamp,
    pub outcome: RoundOutcome,
    /// Why the round failed or was cancelled, in a sentence.
    pub error: Option<String>,
    pub counts: Counts,
    pub failures: Vec<StepFailure>,
    pub held: Option<HeldRemovals>,
    pub conflicts: Vec<Conflict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoundOutcome {
    /// All steps were applied; held removals and conflicts wait for an operator.
    Done,
    /// Some steps failed and will be retried; each application says why.
    Incomplete,
    /// The registry or the local catalogue did not respond.
    Failed,
    /// Ended early: by a new configuration, by the end of the program, or because all requesters
    /// cancelled. Complete and partial transfers are kept.
    Cancelled,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Versions.
    pub imported: u64,
    /// Versions.
    pub pushed: u64,
    /// Changes of metadata, publications and withdrawals of versions.
    pub updated: u64,
    /// Versions and applications.
    pub removed: u64,
    pub bytes_pulled: u64,
    pub bytes_pushed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailure {
    pub application: ApplicationName,
    pub version: Option<VersionNumber>,
    /// A sentence.
    pub error: String,
}

/// All rounds since the agent started, for monitoring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub rounds: RoundsByOutcome,
    pub counts: Counts,
    /// When a round was last [`RoundOutcome::Done`].
    pub last_done: Option<Timestamp>,
    /// Whether the last round was done; cancelled rounds do not count.
    #[serde(default)]
    pub in_step: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundsByOutcome {
    pub done: u64,
    pub incomplete: u64,
    pub failed: u64,
    pub cancelled: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.imported += more.imported;
        self.pushed += more.pushed;
        self.updated += more.updated;
        self.removed += more.removed;
        self.bytes_pulled += more.bytes_pulled;
        self.bytes_pushed += more.bytes_pushed;
    }
}

impl Counts {
    fn add(&mut self, step: &Step) {
        let bytes = step.image().map_or(0, |image| image.size);
        let counter = match step.action {
            Action::Import { .. } => {
                self.bytes_pulled += bytes;
                &mut self.imported
            }
            Action::PushVersion(..) => {
                self.bytes_pushed += bytes;
                &mut self.pushed
            }
            Action::RemoveVersion(_) | Action::RemoveApplication => &mut self.removed,
            Action::UpdateMetadata(_)
            | Action::SetPublished(..)
            | Action::PushMetadata(_)
            | Action::PushPublished(..) => &mut self.updated,
        };
        *counter += 1;
    }
}

impl RoundReport {
    /// Logs what the round before did not report.
    pub(crate) fn log(&self, before: Option<&Self>) {
        if let Some(error) = &self.error
            && self.outcome != RoundOutcome::Cancelled
            && before.is_none_or(|before| before.error != self.error)
        {
            tracing::warn!(%error, "a round failed");
        }
        for failure in &self.failures {
            if before.is_none_or(|before| !before.failures.contains(failure)) {
                failure.log();
            }
        }
        if let Some(held) = &self.held
            && before.is_none_or(|before| before.held != self.held)
        {
            tracing::warn!("{held}");
        }
        tracing::debug!(outcome = ?self.outcome, counts = ?self.counts, "a round has ended");
    }
}

impl StepFailure {
    fn log(&self) {
        let (application, error) = (&self.application, &self.error);
        let version = self.version.map(tracing::field::display);
        tracing::warn!(%application, version, %error, "an application is not in sync");
    }
}

impl Totals {
    pub(crate) fn add(&mut self, report: &RoundReport) {
        let rounds = match report.outcome {
            RoundOutcome::Done => &mut self.rounds.done,
            RoundOutcome::Incomplete => &mut self.rounds.incomplete,
            RoundOutcome::Failed => &mut self.rounds.failed,
            RoundOutcome::Cancelled => &mut self.rounds.cancelled,
        };
        *rounds += 1;
        self.counts += report.counts;
        if report.outcome == RoundOutcome::Done {
            self.last_done = Some(report.finished);
        }
        if report.outcome != RoundOutcome::Cancelled {
            self.in_step = report.outcome == RoundOutcome::Done;
        }
    }
}

pub(crate) struct FinishedStep {
    pub(crate) step: Step,
    pub(crate) result: Result<(), Error>,
}

type StepKey = (ApplicationName, Option<VersionNumber>);

struct FailedStep {
    /// `None` if nothing can be done for the one application of the round.
    step: Option<Step>,
    error: Error,
}

impl FailedStep {
    fn image(&self) -> Option<&ImageInfo> {
        self.step.as_ref()?.image()
    }
}

/// The counters and failures of a round in progress.
#[derive(Default)]
pub(crate) struct RoundProgress {
    pub(crate) counts: Counts,
    failed: BTreeMap<StepKey, FailedStep>,
}

impl RoundProgress {
    /// A cancelled step has not failed.
    pub(crate) fn record(&mut self, finished: FinishedStep) {
        let key = step_key(&finished.step);
        match finished.result {
            Ok(()) => {
                self.failed.remove(&key);
                self.counts.add(&finished.step);
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                let step = Some(finished.step);
                self.failed.insert(key, FailedStep { step, error });
            }
        }
    }

    /// Records why nothing can be done for the one application of the round; `None` clears it.
    pub(crate) fn set_impossible(&mut self, application: &ApplicationName, why: Option<Error>) {
        self.failed.retain(|_, failed| failed.step.is_some());
        if let Some(error) = why {
            let failed = FailedStep { step: None, error };
            self.failed.insert((application.clone(), None), failed);
        }
    }

    /// The wanted transfers without the failed ones, which the next round retries. Failures of
    /// transfers that are no longer wanted are dropped.
    pub(crate) fn without_failed(&mut self, mut wanted: Vec<Step>) -> Vec<Step> {
        self.failed.retain(|_, failed| match &failed.step {
            Some(step) if step.image().is_some() => wanted.contains(step),
            _ => true,
        });
        wanted.retain(|step| {
            !self.failed.contains_key(&step_key(step)) && !self.was_deleted(&step.application)
        });
        wanted
    }

    /// Whether the application was deleted on this AMS during the round, which does not bring it back.
    fn was_deleted(&self, application: &ApplicationName) -> bool {
        let mut errors = self.failed.values().map(|failed| &failed.error);
        errors.any(|error| matches!(error, Error::DeletedHere(name) if name == application))
    }

    /// Whether an import of the application failed, so that its old versions have to stay. If space
    /// is lacking they are removed, as that frees some.
    pub(crate) fn blocks_removal(&self, application: &ApplicationName) -> bool {
        self.failed.iter().any(|(key, failed)| {
            key.0 == *application && failed.image().is_some() && !failed.error.is_no_space()
        })
    }

    /// The images of failed transfers; the next round resumes them.
    pub(crate) fn missing_images(&self) -> Vec<ImageInfo> {
        let images = self.failed.values().filter_map(FailedStep::image);
        images.copied().collect()
    }

    pub(crate) fn has_failures(&self) -> bool {
        !self.failed.is_empty()
    }

    pub(crate) fn failures(&self) -> Vec<StepFailure> {
        let failure = |((application, version), failed): (&StepKey, &FailedStep)| StepFailure {
            application: application.clone(),
            version: *version,
            error: error_chain(&failed.error),
        };
        self.failed.iter().map(failure).collect()
    }
}

fn step_key(step: &Step) -> StepKey {
    (step.application.clone(), step.version())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: RoundOutcome, second: i64) -> RoundReport {
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
    fn totals_add_up_and_keep_the_time_of_the_last_done_round() {
        let mut totals = Totals::default();
        totals.add(&report(RoundOutcome::Done, 5));
        totals.add(&report(RoundOutcome::Incomplete, 9));
        assert_eq!((totals.rounds.done, totals.rounds.incomplete), (1, 1));
        assert_eq!(
            (totals.counts.imported, totals.counts.bytes_pulled),
            (4, 200)
        );
        assert_eq!(totals.last_done, Timestamp::from_second(5).ok());
    }

    #[test]
    fn totals_ignore_cancelled_rounds_for_being_in_step() {
        let mut totals = Totals::default();
        for (outcome, in_step) in [
            (RoundOutcome::Cancelled, false),
            (RoundOutcome::Done, true),
            (RoundOutcome::Cancelled, true),
            (RoundOutcome::Failed, false),
            (RoundOutcome::Cancelled, false),
        ] {
            totals.add(&report(outcome, 5));
            assert_eq!(totals.in_step, in_step, "{outcome:?}");
        }
    }
}
