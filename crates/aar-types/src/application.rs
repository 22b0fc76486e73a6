use serde::{Deserialize, Serialize};

use crate::{ApplicationName, Architecture, Version, lenient::count};

/// An application with everything the registry has of it: one entry of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Application {
    /// Its name, unique in the registry.
    pub name: ApplicationName,
    /// What there is of it for each architecture, ordered by architecture. Never empty.
    pub variants: Vec<Variant>,
}

/// An application as it is for one architecture. Each has a publisher of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Variant {
    /// The architecture.
    pub architecture: Architecture,
    /// What holds for all its versions.
    #[serde(default)]
    pub metadata: ApplicationMetadata,
    /// The versions, ordered by number. Never empty.
    pub versions: Vec<Version>,
}

/// What holds for all versions of an application, and can change without a new version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplicationMetadata {
    /// The instance type that the application asks for; empty where it names resources instead.
    pub instance_type: String,
    /// The Android package that is started.
    pub boot_package: String,
    /// The Android ABI, where the application is bound to one.
    pub abi: String,
    /// The base image, by name or id; empty for the default of the subcluster.
    pub image: String,
    /// Whether it runs in a virtual machine instead of a container.
    pub vm: bool,
    /// Labels; registries and subclusters filter by them.
    pub tags: Vec<String>,
    /// Addons that are enabled for it.
    pub addons: Vec<String>,
    /// Tags of the nodes it may run on.
    pub node_selector: Vec<String>,
    /// Whether it keeps its base image when a newer one comes out.
    pub inhibit_auto_updates: bool,
    /// Resources that override those of the instance type.
    pub resources: Resources,
}

/// What an instance of an application is given. Absent means: as the instance type says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Resources {
    /// Number of CPUs.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "count")]
    pub cpus: Option<u32>,
    /// Memory, such as `3GB`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub memory: String,
    /// Disk space, such as `3GB`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub disk_size: String,
    /// Number of GPU slots.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "count")]
    pub gpu_slots: Option<u32>,
    /// Vendor of the GPU: `amd`, `intel` or `nvidia`; empty for any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gpu_type: String,
    /// Number of VPU slots.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "count")]
    pub vpu_slots: Option<u32>,
    /// Whether the disk space is not reserved up front.
    #[serde(rename = "no_disk_reserve", alias = "no-disk-reserve")]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_disk_reserve: bool,
}
