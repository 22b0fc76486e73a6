use aar_client::Listing;
use aar_types::{ApplicationMetadata, ApplicationName, Architecture, Version, VersionNumber};

use super::Conflict;
use crate::{Held, KnownRegistry, LocalApplication};

/// What an agent wants of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullPolicy {
    /// The architecture whose versions are pulled.
    pub architecture: Architecture,
    /// The tags of which an application has to have one; empty for every application.
    pub tags: Vec<String>,
    /// Whether somebody has confirmed the removals that would be held back.
    pub confirm_removals: bool,
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
        metadata: ApplicationMetadata,
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
        metadata: ApplicationMetadata,
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

/// Compares what the registry has with what is here.
pub fn plan_pull(
    registry: &Listing,
    local: &[LocalApplication],
    known: Option<&KnownRegistry>,
    policy: &PullPolicy,
) -> PullPlan {
    let _ = (registry, local, known, policy);
    todo!()
}
