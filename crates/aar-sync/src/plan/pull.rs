//! What is to be done here, so that it is as the registry says.
//!
//! - A published version of this architecture, of an application with one of the wanted tags, is
//!   imported. One that is here, but cannot be used, is imported again.
//! - A withdrawn version stays, withdrawn, so that offering it again costs nothing; one that is
//!   older than every published version is removed.
//! - What the registry no longer has, or what no longer matches, is removed, as far as the
//!   [brake](crate::brake) lets it.
//! - An application that was created here is never touched.

mod compared;
mod steps;

use std::collections::BTreeMap;

use aar_client::Listing;
use aar_types::{
    Application, ApplicationMetadata, ApplicationName, Architecture, Variant, Version,
    VersionNumber,
};

use self::steps::Steps;
use super::Conflict;
use crate::{Held, KnownRegistry, LocalApplication, Origin, brake::doubt};

/// What an agent wants of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullPolicy {
    /// The architecture whose versions are pulled.
    pub architecture: Architecture,
    /// The tags of which an application has to have one; empty for every application.
    pub tags: Vec<String>,
    /// What somebody has confirmed, as it was held back then. Nothing else goes because of it.
    pub confirmed: Vec<Held>,
    /// What is held back since before. It stays held until it is confirmed or is there again: a
    /// registry that recovers piece by piece must not lose the pieces that come last.
    pub held_before: Option<Held>,
}

/// What is to be done here, so that it is as the registry says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullPlan {
    /// The steps, in the order in which they are taken.
    pub actions: Vec<PullAction>,
    /// The removals that are held back, and why.
    pub held: Option<Held>,
    /// What is left alone until somebody decides.
    pub conflicts: Vec<Conflict>,
}

/// One step of a [`PullPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullAction {
    /// Replace the metadata of an imported application.
    UpdateMetadata {
        /// The application.
        application: ApplicationName,
        /// The metadata.
        metadata: Box<ApplicationMetadata>,
    },
    /// Offer or withdraw a version that is here.
    SetPublished {
        /// The application.
        application: ApplicationName,
        /// The version.
        version: VersionNumber,
        /// Whether it is offered.
        published: bool,
    },
    /// Pull a version and make it usable.
    Import {
        /// The application.
        application: ApplicationName,
        /// Its metadata.
        metadata: Box<ApplicationMetadata>,
        /// The version.
        version: Box<Version>,
    },
    /// Remove a version.
    RemoveVersion {
        /// The application.
        application: ApplicationName,
        /// The version.
        version: VersionNumber,
    },
    /// Remove an application with all its versions.
    RemoveApplication {
        /// The application.
        application: ApplicationName,
    },
}

impl PullAction {
    /// The application it is about.
    pub fn application(&self) -> &ApplicationName {
        match self {
            Self::UpdateMetadata { application, .. }
            | Self::SetPublished { application, .. }
            | Self::Import { application, .. }
            | Self::RemoveVersion { application, .. }
            | Self::RemoveApplication { application } => application,
        }
    }

    /// Whether it takes something away.
    pub fn is_removal(&self) -> bool {
        matches!(
            self,
            Self::RemoveVersion { .. } | Self::RemoveApplication { .. }
        )
    }
}

impl PullPlan {
    /// The steps before the imports, the imports, and the steps after them.
    pub fn phases(&self) -> [&[PullAction]; 3] {
        let is_import = |action: &PullAction| matches!(action, PullAction::Import { .. });
        super::phases(&self.actions, is_import)
    }
}

/// Compares what the registry has with what is here.
///
/// Nothing can have been imported before a registry is known: it is remembered before the first
/// import, so an absent `known` is no reason for doubt.
pub fn plan_pull(
    registry: &Listing,
    local: &[LocalApplication],
    known: Option<&KnownRegistry>,
    policy: &PullPolicy,
) -> PullPlan {
    let mut steps = Steps::default();
    let wanted = wanted(&registry.applications, policy);
    let here: BTreeMap<_, _> = local.iter().map(|local| (&local.name, local)).collect();
    for (name, variant) in &wanted {
        match here.get(name) {
            None => steps.import_all(name, variant),
            Some(local) if local.origin == Origin::Local => steps.refuse(name, variant),
            Some(local) => steps.follow(local, variant),
        }
    }
    let gone = here
        .values()
        .filter(|local| !wanted.contains_key(&local.name));
    for local in gone.filter(|local| local.origin == Origin::Imported) {
        steps.remove_application(&local.name);
    }
    let doubt = doubt(known, &registry.registry_id, registry.revision);
    steps.into_plan(local, doubt, policy)
}

/// The applications that are wanted, as they are for the architecture.
fn wanted<'a>(
    applications: &'a [Application],
    policy: &PullPolicy,
) -> BTreeMap<&'a ApplicationName, &'a Variant> {
    let of_architecture = |application: &'a Application| {
        let mut variants = application.variants.iter();
        let variant = variants.find(|variant| policy.wants(variant))?;
        Some((&application.name, variant))
    };
    applications.iter().filter_map(of_architecture).collect()
}

impl PullPolicy {
    /// Whether it is of the architecture, and has one of the tags.
    pub(crate) fn wants(&self, variant: &Variant) -> bool {
        let tags = &variant.metadata.tags;
        let tagged = self.tags.is_empty() || self.tags.iter().any(|tag| tags.contains(tag));
        tagged && variant.architecture == self.architecture
    }
}

#[cfg(test)]
mod tests;
