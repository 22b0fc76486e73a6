//! A round: observes both sides, plans, and applies the steps, until nothing is left to do.
//!
//! While transfers run, each wake-up makes the round observe and plan again. So a withdrawal or a
//! small new version does not wait for a large one, and a transfer that is no longer wanted is
//! cancelled.

use std::{future::Future, sync::Arc};

use aar_client::Listing;
use aar_types::{Clock, error_chain};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    apply::Transfers,
    config::SyncDirection,
    context::{ObservedCatalogue, SyncContext},
    error::Error,
    held::{Confirmation, withdrawn},
    local_catalogue::LocalCatalogue,
    plan::{Action, Plan, Step, pull::plan_pull_round, push::plan_push_round},
    round::{FinishedStep, RoundOutcome, RoundProgress, RoundReport, StepFailure},
    round::{Scope, WakeUps},
    status::{ApplicationState, ObservedRegistry},
};

pub(crate) struct RoundResult {
    pub(crate) report: RoundReport,
    /// `None` if the round did not get far enough.
    pub(crate) applications: Option<Vec<ApplicationState>>,
    /// The count of the wake-ups before its last observation; `None` if it panicked.
    pub(crate) observed_wake_up: Option<u64>,
}

/// Why a round stops waiting for its transfers.
#[derive(PartialEq, Eq)]
enum WaitEnd {
    WokenUp,
    TransfersEnded,
}

pub(crate) struct Round<L> {
    context: Arc<SyncContext<L>>,
    scope: Scope,
    /// The round removes confirmations from it that are no longer needed.
    wake_ups: watch::Sender<WakeUps>,
    new_wake_ups: watch::Receiver<WakeUps>,
    cancelled: CancellationToken,
    transfers: Transfers,
    plan: Plan,
    /// The confirmations that the plan depends on.
    confirmations: Vec<Confirmation>,
    progress: RoundProgress,
    error: Option<String>,
    /// Whether the one application of the round cannot be pushed or pulled.
    impossible: bool,
    clock: Clock,
    observed_wake_up: u64,
}

impl<L: LocalCatalogue> Round<L> {
    pub(crate) fn new(
        context: Arc<SyncContext<L>>,
        scope: Scope,
        wake_ups: watch::Sender<WakeUps>,
        cancelled: CancellationToken,
        clock: Clock,
    ) -> Self {
        Self {
            context,
            scope,
            new_wake_ups: wake_ups.subscribe(),
            wake_ups,
            cancelled,
            transfers: Transfers::default(),
            plan: Plan::default(),
            confirmations: Vec::new(),
            progress: RoundProgress::default(),
            error: None,
            impossible: false,
            clock,
            observed_wake_up: 0,
        }
    }

    pub(crate) async fn run(mut self, started: Timestamp) -> RoundResult {
        let result = self.reconcile().await;
        self.cancel_transfers().await;
        let outcome = self.outcome(result.is_ok());
        if let Err(error) = result {
            self.error = Some(error_chain(&error));
        }
        let failures = self.progress.failures();
        RoundResult {
            observed_wake_up: Some(self.observed_wake_up),
            applications: self.application_states(outcome, &failures).await,
            report: RoundReport {
                started,
                finished: self.clock.now(),
                outcome,
                error: self.error,
                counts: self.progress.counts,
                failures,
                held: self.plan.held,
                conflicts: self.plan.conflicts,
            },
        }
    }

    async fn application_states(
        &self,
        outcome: RoundOutcome,
        failures: &[StepFailure],
    ) -> Option<Vec<ApplicationState>> {
        match outcome {
            _ if self.impossible => None,
            RoundOutcome::Done | RoundOutcome::Incomplete => {
                Some(self.plan.application_states(failures))
            }
            RoundOutcome::Failed if self.scope.is_full() => {
                let offline = self.context.offline_status(failures).await?;
                Some(offline.applications)
            }
            RoundOutcome::Failed | RoundOutcome::Cancelled => None,
        }
    }

    fn outcome(&self, reconciled: bool) -> RoundOutcome {
        if self.cancelled.is_cancelled() {
            RoundOutcome::Cancelled
        } else if !reconciled {
            RoundOutcome::Failed
        } else if self.progress.has_failures() || self.error.is_some() {
            RoundOutcome::Incomplete
        } else {
            RoundOutcome::Done
        }
    }

    async fn reconcile(&mut self) -> Result<(), Error> {
        let mut registry = self.observe().await?;
        loop {
            self.make_plan(&registry.listing).await?;
            if !registry.complete && self.plan.removes() {
                registry = self.observe_all().await?;
                continue;
            }
            let before = std::mem::take(&mut self.plan.before);
            self.apply_all(before).await;
            self.update_transfers();
            if self.transfers.is_empty() {
                let after = std::mem::take(&mut self.plan.after);
                self.apply_all(after).await;
                self.apply_removals().await;
                if self.cancelled.is_cancelled() {
                    return Ok(());
                }
                if !self.confirmations_hold() {
                    continue;
                }
                if !self.new_wake_ups.has_changed().unwrap_or(false) {
                    return self.end(&registry.listing).await;
                }
            }
            if let Some(newer) = self.wait().await {
                registry = newer;
            }
        }
    }

    async fn end(&mut self, registry: &Listing) -> Result<(), Error> {
        if !self.confirmations.is_empty() {
            // The confirmed removals are applied; another plan remembers the registry without them.
            self.make_plan(registry).await?;
        }
        self.delete_partial_files().await;
        Ok(())
    }

    fn confirmations_hold(&self) -> bool {
        self.confirmations.iter().all(Confirmation::is_valid)
    }

    /// Observes the registry, which covers all wake-ups before.
    async fn observe(&mut self) -> Result<ObservedCatalogue, Error> {
        let wake_ups = self.new_wake_ups.borrow_and_update().clone();
        self.observed_wake_up = wake_ups.count;
        if self.is_pull() && wake_ups.only_by_feed {
            let context = Arc::clone(&self.context);
            self.unless_cancelled(context.observe_changes()).await
        } else {
            self.observe_all().await
        }
    }

    async fn observe_all(&mut self) -> Result<ObservedCatalogue, Error> {
        let context = Arc::clone(&self.context);
        self.unless_cancelled(context.observe()).await
    }

    async fn unless_cancelled(
        &mut self,
        observation: impl Future<Output = Result<ObservedCatalogue, Error>>,
    ) -> Result<ObservedCatalogue, Error> {
        let observed = tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(aar_client::Error::Cancelled.into()),
            observed = observation => observed,
        }?;
        self.error = None;
        let registry = ObservedRegistry {
            id: observed.listing.registry_id.clone(),
            revision: observed.listing.revision,
            at: self.clock.now(),
        };
        let board = &self.context.board;
        board.update(|status| status.registry = Some(registry));
        Ok(observed)
    }

    async fn make_plan(&mut self, registry: &Listing) -> Result<(), Error> {
        let mut confirmations = self.wake_ups.borrow().confirmations.clone();
        confirmations.retain(Confirmation::is_valid);
        self.confirmations = confirmations;
        let confirmed = self.confirmations.iter().map(|it| it.held.clone());
        let confirmed = confirmed.collect();
        let (catalogue, config) = (&*self.context.catalogue, &self.context.config);
        let local = catalogue.applications().await?;
        let only = self.scope.application.as_ref();
        self.plan = match self.scope.direction {
            SyncDirection::Pull => {
                plan_pull_round(catalogue, config, registry, local, only, confirmed).await?
            }
            SyncDirection::Push => plan_push_round(registry, local, catalogue.architecture(), only),
        };
        self.end_obsolete_confirmations();
        match &self.scope.application {
            Some(name) => {
                let impossible = self.plan.impossible.take();
                self.impossible = impossible.is_some();
                self.progress.set_impossible(name, impossible);
            }
            None => self.context.board.update(|status| {
                status.applications = self.plan.application_states(&[]);
                status.compared = Some(registry.revision);
                status.held.clone_from(&self.plan.held);
            }),
        }
        Ok(())
    }

    /// A confirmation ends for applications that lose nothing now: they are removed, or the registry
    /// has them again. Another loss needs another confirmation.
    fn end_obsolete_confirmations(&self) {
        let losing = self.plan.losing();
        self.wake_ups.send_if_modified(|wake_ups| {
            for confirmation in &mut wake_ups.confirmations {
                let applications = &mut confirmation.held.applications;
                applications.retain(|name| losing.contains(name));
            }
            // This wakes nothing up.
            false
        });
    }

    /// Waits until the transfers have ended or a wake-up comes, then observes the registry if that
    /// can show something new.
    async fn wait(&mut self) -> Option<ObservedCatalogue> {
        let end = self.wait_for_transfers().await;
        if end == WaitEnd::WokenUp {
            self.transfers.forget_finished();
            self.cancel_unjustified().await;
        }
        // Imports change only the local side.
        let unchanged = end == WaitEnd::TransfersEnded && self.is_pull();
        if unchanged || self.cancelled.is_cancelled() {
            return None;
        }
        let observed = self.observe().await;
        // The running transfers continue; the next round observes again.
        observed
            .map_err(|error| self.error = Some(error_chain(&error)))
            .ok()
    }

    /// Cancels the transfers of what was deleted here, without waiting for the registry.
    async fn cancel_unjustified(&self) {
        if self.is_pull() {
            return;
        }
        // An error appears at the next plan.
        if let Ok(local) = self.context.catalogue.applications().await {
            self.transfers.cancel_unjustified(&local);
        }
    }

    async fn wait_for_transfers(&mut self) -> WaitEnd {
        loop {
            tokio::select! {
                biased;
                () = self.cancelled.cancelled() => {
                    self.cancel_transfers().await;
                    return WaitEnd::TransfersEnded;
                }
                Ok(()) = self.new_wake_ups.changed() => return WaitEnd::WokenUp,
                () = withdrawn(&self.confirmations) => return WaitEnd::WokenUp,
                finished = self.transfers.next() => match finished {
                    Some(finished) => self.progress.record(finished),
                    None => return WaitEnd::TransfersEnded,
                },
            }
        }
    }

    async fn cancel_transfers(&mut self) {
        self.transfers.cancel();
        while let Some(finished) = self.transfers.next().await {
            self.progress.record(finished);
        }
    }

    fn update_transfers(&mut self) {
        if !self.cancelled.is_cancelled() {
            let planned = std::mem::take(&mut self.plan.transfers);
            let wanted = self.progress.without_failed(planned);
            let present = &self.plan.present;
            self.transfers.update(&self.context, wanted, present);
        }
    }

    async fn apply_all(&mut self, steps: Vec<Step>) {
        for step in steps {
            if self.cancelled.is_cancelled() {
                return;
            }
            self.apply(step).await;
        }
    }

    async fn apply_removals(&mut self) {
        for step in std::mem::take(&mut self.plan.removals) {
            if self.cancelled.is_cancelled() || !self.confirmations_hold() {
                return;
            }
            if !self.progress.blocks_removal(&step.application) {
                self.apply(step).await;
            }
        }
    }

    async fn apply(&mut self, step: Step) {
        let result = self.context.apply(&step).await;
        if step.action == Action::RemoveApplication && result.is_ok() {
            self.plan.applications.remove(&step.application);
        }
        self.progress.record(FinishedStep { step, result });
    }

    async fn delete_partial_files(&mut self) {
        let full = self.scope.is_full() && !self.cancelled.is_cancelled();
        if full && self.is_pull() {
            let wanted = self.progress.missing_images();
            let deleted = self.context.catalogue.retain_partial_files(&wanted).await;
            // The round is done all the same; the next one tries again.
            if let Err(error) = deleted {
                tracing::warn!(%error, "the partial files of unwanted images cannot be deleted");
            }
        }
    }

    fn is_pull(&self) -> bool {
        self.scope.direction == SyncDirection::Pull
    }
}
