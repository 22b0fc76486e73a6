//! Compares both sides and plans the steps that bring the actual to the desired state. The comparison
//! is pure: [`pull::plan_pull`] and [`push::plan_push`].
//!
//! A client never removes on doubt. Removals are applied only if the listing comes from the registry
//! of the imported applications, at a revision not older than the last one, and if they take at most
//! half of the imported applications or at most two. All others are held until an operator confirms
//! them or the listing has recovered. A confirmation covers the removals that were held when it was
//! given; the guard applies again to all others.

pub(crate) mod pull;
pub(crate) mod push;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeSet, fmt};

use aar_client::Listing;
use aar_types::{
    ApplicationMetadata, ApplicationName, Fingerprint, ImageInfo, Version, VersionNumber,
    VersionPut,
};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    held::{HeldRemovals, HoldReason},
    local_catalogue::{KnownRegistry, LocalApplication, Origin},
};

/// The steps of a round, in the order of the phases.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) before: Vec<Step>,
    /// Run beside each other.
    pub(crate) transfers: Vec<Step>,
    /// Withdrawals whose successor has to arrive first.
    pub(crate) after: Vec<Step>,
    pub(crate) removals: Vec<Step>,
    pub(crate) held: Option<HeldRemovals>,
    pub(crate) conflicts: Vec<Conflict>,
    /// All applications that the status lists.
    pub(crate) applications: BTreeSet<ApplicationName>,
    /// The applications that this AMS has.
    pub(crate) present: BTreeSet<ApplicationName>,
    /// Applications with a version that is being built.
    pub(crate) building: BTreeSet<ApplicationName>,
    /// Why the one application of the round cannot be pushed or pulled.
    pub(crate) impossible: Option<Error>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) application: ApplicationName,
    pub(crate) action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Replace the metadata of an imported application.
    UpdateMetadata(Box<ApplicationMetadata>),
    /// Publish or withdraw a version of an imported application.
    SetPublished(VersionNumber, bool),
    /// Download an image and make its version usable.
    Import {
        metadata: Box<ApplicationMetadata>,
        version: Box<Version>,
    },
    RemoveVersion(VersionNumber),
    RemoveApplication,
    /// Replace the metadata of an application in the registry.
    PushMetadata(Box<ApplicationMetadata>),
    /// Publish or withdraw a version in the registry.
    PushPublished(VersionNumber, bool),
    /// Upload an image and commit its version.
    PushVersion(VersionNumber, Box<VersionPut>),
}

impl Step {
    pub(crate) fn new(application: &ApplicationName, action: Action) -> Self {
        Self {
            application: application.clone(),
            action,
        }
    }

    pub(crate) fn version(&self) -> Option<VersionNumber> {
        match &self.action {
            Action::Import { version, .. } => Some(version.number),
            Action::SetPublished(number, _)
            | Action::RemoveVersion(number)
            | Action::PushPublished(number, _)
            | Action::PushVersion(number, _) => Some(*number),
            Action::UpdateMetadata(_) | Action::RemoveApplication | Action::PushMetadata(_) => None,
        }
    }

    /// The image that the step transfers.
    pub(crate) fn image(&self) -> Option<&ImageInfo> {
        match &self.action {
            Action::Import { version, .. } => Some(&version.image),
            Action::PushVersion(_, put) => Some(&put.image),
            _ => None,
        }
    }
}

impl Plan {
    pub(crate) fn impossible(why: Error) -> Self {
        Self {
            impossible: Some(why),
            ..Self::default()
        }
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        [&self.before, &self.transfers, &self.after, &self.removals]
            .into_iter()
            .flatten()
    }

    /// Whether there are removals, held ones included.
    pub(crate) fn removes(&self) -> bool {
        self.held.is_some() || !self.removals.is_empty()
    }

    /// The applications that lose something, held removals included.
    pub(crate) fn losing(&self) -> BTreeSet<&ApplicationName> {
        let held = self.held.iter().flat_map(|held| &held.applications);
        let removed = self.removals.iter().map(|step| &step.application);
        removed.chain(held).collect()
    }

    /// Adds the applications for the status: those of the origin, and those of the steps.
    fn with_applications(mut self, local: &[LocalApplication], origin: Origin) -> Self {
        let mut names: BTreeSet<_> = self.steps().map(|step| step.application.clone()).collect();
        names.extend(self.conflicts.iter().map(|it| it.application().clone()));
        for local in local.iter().filter(|local| local.origin == origin) {
            names.insert(local.name.clone());
            if local.building {
                self.building.insert(local.name.clone());
            }
        }
        self.applications = names;
        self.present = local.iter().map(|local| local.name.clone()).collect();
        self
    }
}

/// Both sides as if they had nothing but the one application, if it is given.
fn restrict<'a>(
    registry: &'a Listing,
    mut local: Vec<LocalApplication>,
    only: Option<&ApplicationName>,
) -> (Cow<'a, Listing>, Vec<LocalApplication>) {
    let Some(name) = only else {
        return (Cow::Borrowed(registry), local);
    };
    local.retain(|it| it.name == *name);
    let applications = registry.applications.iter().filter(|it| it.name == *name);
    let registry = Listing {
        applications: applications.cloned().collect(),
        registry_id: registry.registry_id.clone(),
        revision: registry.revision,
        etag: None,
    };
    (Cow::Owned(registry), local)
}

/// A disagreement of both sides. Neither is changed until an operator resolves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Conflict {
    /// The registry has an application with the name of a local one.
    LocalApplication { application: ApplicationName },
    /// Both sides have a version of this number, with different content.
    OtherContent {
        application: ApplicationName,
        version: VersionNumber,
        local: Fingerprint,
        registry: Fingerprint,
    },
}

impl Conflict {
    pub fn application(&self) -> &ApplicationName {
        match self {
            Self::LocalApplication { application } | Self::OtherContent { application, .. } => {
                application
            }
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalApplication { application } => write!(
                f,
                "{application} was created on this AMS and is left alone; to pull the application \
                 of that name, delete the local one, and create it again under another name if it \
                 is needed"
            ),
            Self::OtherContent {
                application,
                version,
                local,
                registry,
            } => write!(
                f,
                "version {version} of {application} has the fingerprint {local} on this AMS and \
                 {registry} in the registry; versions are immutable, so one of them has to be \
                 deleted"
            ),
        }
    }
}

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
