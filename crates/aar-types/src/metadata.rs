use serde::{Deserialize, Serialize};

use crate::lenient::count;

/// The metadata of an application. It applies to all versions and can change without a new version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplicationMetadata {
    /// The instance type; empty for an application that names resources instead.
    pub instance_type: String,
    /// The Android package to start.
    pub boot_package: String,
    /// The Android ABI that the application requires; empty for none.
    pub abi: String,
    /// The name or id of the base image; empty for the default of the subcluster.
    pub image: String,
    /// Whether the application runs in a virtual machine instead of a container.
    pub vm: bool,
    /// Labels; registries and subclusters filter by them.
    pub tags: Vec<String>,
    /// The enabled addons.
    pub addons: Vec<String>,
    /// Tags of the nodes that may run the application.
    pub node_selector: Vec<String>,
    /// Whether the application keeps its base image when a newer one is released.
    pub inhibit_auto_updates: bool,
    /// Resources that override those of the instance type.
    pub resources: Resources,
}

/// The resources of an instance. An absent value is taken from the instance type.
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
    /// Whether the disk space is allocated on demand instead of in advance.
    #[serde(rename = "no_disk_reserve", alias = "no-disk-reserve")]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_disk_reserve: bool,
}
