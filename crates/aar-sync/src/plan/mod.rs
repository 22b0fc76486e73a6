//! Compares both sides and plans the steps that bring the actual to the desired state. The comparison
//! is pure: [`pull::plan_pull`] and [`push::plan_push`].

pub(crate) mod pull;
pub(crate) mod push;
mod removal_guard;

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
    held::HeldRemovals,
    local_catalogue::{LocalApplication, Origin},
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
