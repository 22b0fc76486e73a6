//! The states of the applications: at the end of a round, and between rounds or while the registry is
//! offline, from the last listing and the present local catalogue.

use std::collections::{BTreeMap, BTreeSet};

use aar_client::Listing;
use aar_types::Revision;

use crate::{
    config::SyncDirection,
    context::SyncContext,
    error::Error,
    held::HeldRemovals,
    local_catalogue::{LocalApplication, LocalCatalogue},
    plan::{
        Conflict, Plan,
        pull::{PullPolicy, plan_pull},
        push::plan_push,
    },
    round::StepFailure,
    status::{AgentStatus, ApplicationState, SyncState},
};

impl Plan {
    /// The state of each application. The steps in the plan count as not yet applied.
    pub(crate) fn application_states(&self, failures: &[StepFailure]) -> Vec<ApplicationState> {
        let pending: BTreeSet<_> = self.steps().map(|step| &step.application).collect();
        let failed: BTreeMap<_, _> = failures.iter().map(|it| (&it.application, it)).collect();
        let conflicts = self.conflicts.iter().map(|it| (it.application(), it));
        let conflicts: BTreeMap<_, _> = conflicts.collect();
        let held = self.held.as_ref();
        let state = |name| {
            if let Some(failure) = failed.get(name) {
                (SyncState::Failed, Some(failure.error.clone()))
            } else if let Some(conflict) = conflicts.get(name) {
                (SyncState::Conflict, Some(conflict.to_string()))
            } else if let Some(held) = held.filter(|held| held.applications.contains(name)) {
                (SyncState::Held, Some(held.to_string()))
            } else if pending.contains(name) {
                (SyncState::Pending, None)
            } else if self.building.contains(name) {
                (SyncState::Building, None)
            } else {
                (SyncState::Synced, None)
            }
        };
        let states = self.applications.iter().map(|name| {
            let (state, error) = state(name);
            let name = name.clone();
            ApplicationState { name, state, error }
        });
        states.collect()
    }
}

/// The part of the status that is known without a request to the registry.
pub(crate) struct OfflineStatus {
    pub(crate) applications: Vec<ApplicationState>,
    conflicts: Vec<Conflict>,
    held: Option<HeldRemovals>,
}

impl OfflineStatus {
    pub(crate) fn write_to(self, status: &mut AgentStatus) {
        status.applications = self.applications;
        status.conflicts = self.conflicts;
        status.held = self.held;
    }
}

/// The failures in a status. They remain until the application is retried, whatever later rounds were
/// about.
pub(crate) fn remaining_failures(status: &AgentStatus) -> Vec<StepFailure> {
    let applications = status.applications.iter();
    let failed = applications.filter(|it| it.state == SyncState::Failed);
    let failure = |it: &ApplicationState| StepFailure {
        application: it.name.clone(),
        version: None,
        error: it.error.clone().unwrap_or_default(),
    };
    failed.map(failure).collect()
}

impl<L: LocalCatalogue> SyncContext<L> {
    /// `None` if too little is known.
    pub(crate) async fn offline_status(&self, failures: &[StepFailure]) -> Option<OfflineStatus> {
        let local = self.catalogue.applications().await.ok()?;
        let last = self.last_listing();
        let Some(direction) = self.config.mode.direction() else {
            return Some(self.manual_status(&local, last.as_deref()));
        };
        let plan = match (last, direction) {
            (Some(last), SyncDirection::Pull) => self.preview_pull(&last, &local).await.ok()?,
            (None, SyncDirection::Pull) => return None,
            (Some(last), SyncDirection::Push) => self.preview_push(&last, &local),
            // Everything is pending in a registry that was never observed.
            (None, SyncDirection::Push) => self.preview_push(&empty_listing()?, &local),
        };
        Some(OfflineStatus {
            applications: plan.application_states(failures),
            conflicts: plan.conflicts,
            held: plan.held,
        })
    }

    async fn preview_pull(
        &self,
        registry: &Listing,
        local: &[LocalApplication],
    ) -> Result<Plan, Error> {
        let known = self.catalogue.known_registry().await?;
        let architecture = self.catalogue.architecture();
        let policy = PullPolicy::new(&self.config, architecture, known.as_ref(), Vec::new());
        Ok(plan_pull(registry, local, known.as_ref(), &policy))
    }

    fn preview_push(&self, registry: &Listing, local: &[LocalApplication]) -> Plan {
        plan_push(registry, local, self.catalogue.architecture())
    }

    /// In manual mode the status lists applications that were pushed or pulled on request, as long as
    /// both sides have them.
    fn manual_status(&self, local: &[LocalApplication], last: Option<&Listing>) -> OfflineStatus {
        let AgentStatus {
            mut applications,
            mut conflicts,
            ..
        } = self.board.read();
        applications.retain(|it| {
            let is_local = local.iter().any(|local| local.name == it.name);
            let in_registry = last.is_none_or(|last| {
                let mut names = last.applications.iter().map(|known| &known.name);
                names.any(|name| *name == it.name)
            });
            is_local && (in_registry || it.state != SyncState::Synced)
        });
        conflicts.retain(|it| {
            applications
                .iter()
                .any(|known| known.name == *it.application())
        });
        OfflineStatus {
            applications,
            conflicts,
            held: None,
        }
    }
}

fn empty_listing() -> Option<Listing> {
    Some(Listing {
        applications: Vec::new(),
        registry_id: "unknown".parse().ok()?,
        revision: Revision(0),
        etag: None,
    })
}
