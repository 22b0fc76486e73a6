use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ApplicationName, Architecture, RegistryId, Revision, VersionNumber};

/// One change of the catalogue. It names what changed, not the new state: a reader of the feed
/// fetches the current state itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// The revision that this change created.
    pub revision: Revision,
    /// The time of the change.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// The kind of the change.
    pub kind: ChangeKind,
    /// The application that changed.
    pub application: ApplicationName,
    /// The architecture of the variant that changed.
    pub architecture: Architecture,
    /// The version that changed; absent where the change concerns all versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ChangeKind {
    /// A version was added.
    VersionAdded,
    /// A withdrawn version is published again.
    VersionPublished,
    /// A version was withdrawn.
    VersionWithdrawn,
    /// A version was deleted.
    VersionRemoved,
    /// The metadata of an application changed.
    ApplicationUpdated,
    /// An application was deleted with all its versions.
    ApplicationRemoved,
    /// A kind that only a newer registry knows; fetch the current state.
    #[serde(other)]
    Unknown,
}

/// A response of the change feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changes {
    /// The id of the registry.
    pub registry_id: RegistryId,
    /// The revision up to which the list is complete; the next request continues from it.
    pub revision: Revision,
    /// The changes after the requested revision, oldest first.
    pub changes: Vec<Change>,
}
