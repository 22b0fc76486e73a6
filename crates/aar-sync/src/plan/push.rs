use aar_client::Listing;
use aar_types::{ApplicationMetadata, ApplicationName, Architecture, VersionNumber, VersionPut};

use super::Conflict;
use crate::LocalApplication;

/// What is to be done in the registry, so that it has what is here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushPlan {
    /// The steps, in the order in which they are taken.
    pub actions: Vec<PushAction>,
    /// What is left alone until somebody decides.
    pub conflicts: Vec<Conflict>,
}

/// One step of a [`PushPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushAction {
    /// Replace the metadata of an application.
    PutApplication {
        /// The application.
        application: ApplicationName,
        /// The metadata.
        metadata: ApplicationMetadata,
    },
    /// Offer or withdraw a version that the registry has.
    SetPublished {
        /// The application.
        application: ApplicationName,
        /// The version.
        version: VersionNumber,
        /// Whether it is offered.
        published: bool,
    },
    /// Bring a version to the registry.
    Push {
        /// The application.
        application: ApplicationName,
        /// The version.
        version: VersionNumber,
        /// What is committed once the image is there.
        put: Box<VersionPut>,
    },
}

/// Compares what is here with what the registry has.
pub fn plan_push(
    registry: &Listing,
    local: &[LocalApplication],
    architecture: Architecture,
) -> PushPlan {
    let _ = (registry, local, architecture);
    todo!()
}
