use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ApplicationMetadata, Digest, Fingerprint, Invalid, VersionManifest};

/// The number of a version: counted up from 0 for each application and architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionNumber(pub u32);

impl FromStr for VersionNumber {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number
            .map(Self)
            .ok_or_else(|| Invalid::new(text, "a version number (0, 1, 2, …)"))
    }
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One version of an application on one architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Version {
    /// Its number.
    pub number: VersionNumber,
    /// Whether it is offered to clients.
    pub published: bool,
    /// When it was committed to the registry.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// What it declares.
    #[serde(default)]
    pub manifest: VersionManifest,
    /// Its content.
    pub image: ImageInfo,
}

/// The content of a version, by its hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageInfo {
    /// SHA-256 of the canonical tar: what the content *is*.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the stored, compressed file: what travels.
    pub digest: Digest,
    /// Size of the stored file in bytes.
    pub size: u64,
}

/// The request that commits a version whose image is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionPut {
    /// What holds for all versions of the application, as of this one.
    #[serde(default)]
    pub application: ApplicationMetadata,
    /// What the version declares.
    #[serde(default)]
    pub manifest: VersionManifest,
    /// Its content.
    pub image: ImageInfo,
    /// Whether it is offered to clients from the start.
    #[serde(default = "offered")]
    pub published: bool,
}

fn offered() -> bool {
    true
}

/// The request that withdraws a version or offers it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionPatch {
    /// Whether it is offered to clients.
    pub published: bool,
}
