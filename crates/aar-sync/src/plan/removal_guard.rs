//! A client never removes on doubt.
//!
//! Removals are applied only if the listing comes from the registry of the imported applications, at
//! a revision not older than the last one, and if they take at most half of the imported applications
//! or at most two. All others are held until an operator confirms them or the listing has recovered.
//! A confirmation covers the removals that were held when it was given; the guard applies again to
//! all others.

use std::collections::BTreeSet;

use aar_client::Listing;
use aar_types::ApplicationName;

use super::{Action, Plan, Step};
use crate::{
    held::{HeldRemovals, HoldReason},
    local_catalogue::{KnownRegistry, LocalApplication, Origin},
};

/// Why no removal is applied because of this listing.
pub(crate) fn doubt(known: Option<&KnownRegistry>, registry: &Listing) -> Option<HoldReason> {
    let known = known?;
    if known.id != registry.registry_id {
        return Some(HoldReason::OtherRegistry {
            known: known.id.clone(),
            shown: registry.registry_id.clone(),
        });
    }
    (registry.revision < known.revision).then_some(HoldReason::OlderCatalogue {
        known: known.revision,
        shown: registry.revision,
    })
}

fn too_many(removals: usize, imported: usize) -> Option<HoldReason> {
    let many = removals > 2 && removals * 2 > imported;
    many.then_some(HoldReason::TooMany { removals, imported })
}

/// Whether a confirmation covers a doubt. An operator who confirmed the number of removals has not
/// agreed to another registry.
fn covers(confirmed: &HeldRemovals, doubt: Option<&HoldReason>) -> bool {
    match (doubt, &confirmed.reason) {
        (None, _) => true,
        // The catalogue may have grown since the confirmation.
        (
            Some(HoldReason::OlderCatalogue { known, .. }),
            HoldReason::OlderCatalogue { known: then, .. },
        ) => known == then,
        (Some(doubt), then) => doubt == then,
    }
}

/// Moves the removals of a plan that are in doubt to [`Plan::held`].
pub(crate) fn guard(
    plan: &mut Plan,
    local: &[LocalApplication],
    doubt: Option<HoldReason>,
    confirmed: &[HeldRemovals],
    held_before: Option<&HeldRemovals>,
) {
    let imported: BTreeSet<_> = local
        .iter()
        .filter(|local| local.origin == Origin::Imported)
        .map(|local| &local.name)
        .collect();
    let doubt = doubt.filter(|_| !imported.is_empty());
    let mut confirmed: Vec<_> = confirmed.iter().collect();
    confirmed.retain(|held| covers(held, doubt.as_ref()));
    let other_registry = matches!(doubt, Some(HoldReason::OtherRegistry { .. }));
    let unconfirmed_registry = other_registry && confirmed.is_empty();
    let is_confirmed = |step: &mut Step| {
        let mut held = confirmed.iter();
        held.any(|held| held.applications.contains(&step.application))
    };
    let allowed: Vec<_> = plan.removals.extract_if(.., is_confirmed).collect();
    let left = imported.len() - removed_applications(&allowed);
    let reason = doubt
        .or_else(|| too_many(removed_applications(&plan.removals), left))
        .or_else(|| still_held(&plan.removals, held_before?));
    let held = reason.map(|reason| HeldRemovals {
        reason,
        applications: application_names(&plan.removals),
    });
    if held.is_some() {
        plan.removals.clear();
    }
    plan.held = held.filter(|held| unconfirmed_registry || !held.applications.is_empty());
    plan.removals.splice(..0, allowed);
    if unconfirmed_registry {
        // It changes nothing that was imported from the known registry.
        for steps in [&mut plan.before, &mut plan.transfers, &mut plan.after] {
            steps.retain(|step| !imported.contains(&step.application));
        }
    }
}

fn removed_applications(removals: &[Step]) -> usize {
    let whole = |step: &&Step| step.action == Action::RemoveApplication;
    removals.iter().filter(whole).count()
}

fn still_held(removals: &[Step], before: &HeldRemovals) -> Option<HoldReason> {
    let still = removals
        .iter()
        .any(|step| before.applications.contains(&step.application));
    still.then(|| before.reason.clone())
}

fn application_names(steps: &[Step]) -> Vec<ApplicationName> {
    let names: BTreeSet<_> = steps.iter().map(|step| &step.application).collect();
    names.into_iter().cloned().collect()
}

/// The registry to remember with a plan. A registry in doubt is not followed until an operator
/// confirms it, or until no imported application depends on the known one. A confirmation counts when
/// its removals have been applied: until then it can be withdrawn. `full` is false for a round of one
/// application, which says nothing about the others.
pub(crate) fn followed_registry(
    plan: &Plan,
    registry: &Listing,
    local: &[LocalApplication],
    known: Option<&KnownRegistry>,
    confirmed: &[HeldRemovals],
    full: bool,
) -> Option<KnownRegistry> {
    let same = known.filter(|known| known.id == registry.registry_id);
    let unapplied = !confirmed.is_empty() && !plan.removals.is_empty();
    let held = match &plan.held {
        Some(held) if full => Some(held),
        None if full && !unapplied => None,
        _ => same.and_then(|same| same.held.as_ref()),
    }
    .cloned();
    let doubt = doubt(known, registry);
    let confirms = |doubt| confirmed.iter().any(|it| covers(it, Some(&doubt)));
    let certain = doubt.is_none_or(|doubt| !unapplied && confirms(doubt));
    let independent = full && local.iter().all(|local| local.origin == Origin::Local);
    if certain || independent {
        return Some(KnownRegistry {
            id: registry.registry_id.clone(),
            revision: registry.revision,
            held,
        });
    }
    same.map(|same| KnownRegistry {
        held,
        ..same.clone()
    })
}
