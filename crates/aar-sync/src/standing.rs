//! Where each application stands, for people.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ApplicationState, ApplicationStatus, Failure, apply::Step, survey::Plan};

/// Where the applications of a plan stand. The steps that are still in it are yet to be taken.
pub(crate) fn standings(plan: &Plan, failures: &[Failure]) -> Vec<ApplicationStatus> {
    let steps = [&plan.before, &plan.transfers, &plan.after];
    let pending: BTreeSet<_> = steps.into_iter().flatten().map(Step::application).collect();
    let failed: BTreeMap<_, _> = failures
        .iter()
        .map(|failure| (&failure.application, failure))
        .collect();
    let disputed: BTreeMap<_, _> = plan
        .conflicts
        .iter()
        .map(|conflict| (conflict.application(), conflict))
        .collect();
    let held = plan.held.as_ref();
    let stands = |name| {
        if let Some(failure) = failed.get(name) {
            (ApplicationState::Failed, Some(failure.error.clone()))
        } else if let Some(conflict) = disputed.get(name) {
            (ApplicationState::Conflict, Some(conflict.to_string()))
        } else if let Some(held) = held.filter(|held| held.applications.contains(name)) {
            (ApplicationState::Held, Some(held.to_string()))
        } else if pending.contains(name) {
            (ApplicationState::Pending, None)
        } else if plan.building.contains(name) {
            (ApplicationState::Building, None)
        } else {
            (ApplicationState::Synced, None)
        }
    };
    let status = |name| {
        let (state, error) = stands(name);
        let name = name.clone();
        ApplicationStatus { name, state, error }
    };
    plan.names.iter().map(status).collect()
}
