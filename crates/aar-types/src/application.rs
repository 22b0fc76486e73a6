use serde::{Deserialize, Serialize};

use crate::{ApplicationMetadata, ApplicationName, Architecture, Version};

/// An entry of the catalogue: an application with all its variants and versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Application {
    /// The name, unique in the registry.
    pub name: ApplicationName,
    /// One variant for each architecture, ordered by architecture. Never empty.
    pub variants: Vec<Variant>,
}

/// An application for one architecture. Each variant can have its own publisher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Variant {
    /// The architecture of all versions below.
    pub architecture: Architecture,
    /// The metadata of all versions.
    #[serde(default)]
    pub metadata: ApplicationMetadata,
    /// The versions, ordered by number. Never empty.
    pub versions: Vec<Version>,
}
