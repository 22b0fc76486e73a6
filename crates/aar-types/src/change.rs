use std::{fmt, num::ParseIntError, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ApplicationName, Architecture, RegistryId, VersionNumber};

/// A number that grows by one with every change of the catalogue.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Revision {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// One change of the catalogue. It says where to look, not what is there now: whoever reads the
/// feed fetches the present state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// The revision of the catalogue that this change made.
    pub revision: Revision,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// What happened.
    pub kind: ChangeKind,
    /// The application it happened to.
    pub application: ApplicationName,
    /// The architecture it happened to.
    pub architecture: Architecture,
    /// The version it happened to; absent where the change is about all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
}

/// What can happen to a catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ChangeKind {
    /// A version was committed.
    VersionAdded,
    /// A withdrawn version is offered again.
    VersionPublished,
    /// A version is no longer offered.
    VersionWithdrawn,
    /// A version was deleted.
    VersionRemoved,
    /// The metadata of an application changed.
    ApplicationUpdated,
    /// An application was deleted with all its versions.
    ApplicationRemoved,
    /// Something that a newer registry knows; the present state tells.
    #[serde(other)]
    Unknown,
}

/// The answer of the change feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changes {
    /// The registry that answers.
    pub registry_id: RegistryId,
    /// The revision up to which the list is complete: what to ask for next.
    pub revision: Revision,
    /// The changes after the revision asked for, oldest first.
    pub changes: Vec<Change>,
}
