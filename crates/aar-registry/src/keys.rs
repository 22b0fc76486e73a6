//! The names of applications, versions and uploads, both in rows and in object keys.

use std::{fmt, str::FromStr};

use aar_types::{ApplicationName, Architecture, VersionNumber};
use serde::Serialize;
use uuid::Uuid;

/// An application on one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariantKey {
    pub(crate) name: ApplicationName,
    pub(crate) architecture: Architecture,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionKey {
    pub(crate) variant: VariantKey,
    pub(crate) number: VersionNumber,
}

impl fmt::Display for VariantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.architecture)
    }
}

impl fmt::Display for VersionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.variant, self.number)
    }
}

/// The id of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct UploadId(Uuid);

impl UploadId {
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}
