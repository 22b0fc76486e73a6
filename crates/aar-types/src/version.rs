use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ApplicationMetadata, Digest, Fingerprint, InvalidValue, VersionManifest};

/// The number of a version, counted from 0 for each application and architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionNumber(pub u32);

impl FromStr for VersionNumber {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number
            .map(Self)
            .ok_or_else(|| InvalidValue::new(text, "a version number (0, 1, 2, …)"))
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
    /// The number of the version.
    pub number: VersionNumber,
    /// Whether the version is offered to clients.
    pub published: bool,
    /// The time at which the registry accepted the version.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// The manifest of the version.
    #[serde(default)]
    pub manifest: VersionManifest,
    /// The image of the version.
    pub image: ImageInfo,
}

/// The hashes and the size of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageInfo {
    /// SHA-256 of the canonical tar. It identifies the content.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the stored, compressed file.
    pub digest: Digest,
    /// Size of the stored file in bytes.
    pub size: u64,
}

/// A request to create a version whose image is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionPut {
    /// The metadata of the application; it replaces the metadata of all versions.
    #[serde(default)]
    pub application: ApplicationMetadata,
    /// The manifest of the version.
    #[serde(default)]
    pub manifest: VersionManifest,
    /// The image of the version.
    pub image: ImageInfo,
    /// Whether the version is offered to clients at once.
    #[serde(default = "published_by_default")]
    pub published: bool,
}

fn published_by_default() -> bool {
    true
}

/// A request to withdraw a version or to publish it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionPatch {
    /// Whether the version is offered to clients.
    pub published: bool,
}
