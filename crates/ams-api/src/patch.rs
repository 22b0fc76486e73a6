use aar_types::{Bootstrap, Hooks, NetworkService, VideoEncoder, Watchdog};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The request that changes attributes of an application without a new package. An absent field stays
/// unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationPatch {
    /// The base image, by id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The instance type.
    #[serde(rename = "instance-type", alias = "instance_type")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// All tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// All addons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addons: Option<Vec<String>>,
    /// Resources that override those of the instance type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesPatch>,
    /// Whether to keep the base image when a newer one is released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inhibit_auto_updates: Option<bool>,
    /// All tags of the nodes that may run the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<Vec<String>>,
    /// All services. Creates a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<NetworkService>>,
    /// All features. Creates a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// The watchdog. Creates a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<Watchdog>,
    /// The activity to start. Creates a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_activity: Option<String>,
    /// All permissions. Creates a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_permissions: Option<Vec<String>>,
    /// The video encoder. Creates a version.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "video_encoder"
    )]
    pub video_encoder: Option<VideoEncoder>,
    /// The version in the manifest. Creates a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_version: Option<String>,
    /// The limits of the hooks. Creates a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks>,
    /// The parts of the package to keep after the bootstrap. Creates a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Bootstrap>,
}

impl ApplicationPatch {
    /// Whether the change requires a new version.
    pub fn creates_version(&self) -> bool {
        self.services.is_some()
            || self.features.is_some()
            || self.watchdog.is_some()
            || self.boot_activity.is_some()
            || self.required_permissions.is_some()
            || self.video_encoder.is_some()
            || self.manifest_version.is_some()
            || self.hooks.is_some()
            || self.bootstrap.is_some()
    }
}

/// Accepts the encoders that a manifest can name.
fn video_encoder<'de, D: Deserializer<'de>>(from: D) -> Result<Option<VideoEncoder>, D::Error> {
    let name = Option::<String>::deserialize(from)?;
    let encoder = name.map(|name| name.parse());
    encoder.transpose().map_err(D::Error::custom)
}

/// The part of an [`ApplicationPatch`] that changes resources. An absent field stays unchanged; a
/// negative number or an empty text removes the override.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ResourcesPatch {
    /// Number of CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<i64>,
    /// Memory, such as `3GB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Disk space, such as `3GB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_size: Option<String>,
    /// Number of GPU slots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_slots: Option<i64>,
    /// Vendor of the GPU: `amd`, `intel` or `nvidia`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_type: Option<String>,
    /// Number of VPU slots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpu_slots: Option<i64>,
    /// Whether to skip the reservation of disk space.
    #[serde(rename = "no_disk_reserve", alias = "no-disk-reserve")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_disk_reserve: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_or_null_field_is_no_change() {
        let body = r#"{"tags": null, "instance-type": "a4.3", "resources": {"vpu-slots": 2}}"#;
        let patch: ApplicationPatch = serde_json::from_str(body).unwrap();
        assert_eq!(patch.tags, None);
        assert_eq!(patch.instance_type.as_deref(), Some("a4.3"));
        assert_eq!(patch.resources.as_ref().unwrap().vpu_slots, Some(2));
        assert!(!patch.creates_version());
        let json = serde_json::to_value(&patch).unwrap();
        let expected = serde_json::json!({"instance-type": "a4.3", "resources": {"vpu-slots": 2}});
        assert_eq!(json, expected);
    }

    #[test]
    fn video_encoder_that_a_manifest_cannot_name_is_refused() {
        let read = |body| serde_json::from_str::<ApplicationPatch>(body);
        let software = read(r#"{"video_encoder": "software"}"#).unwrap();
        assert_eq!(software.video_encoder, Some(VideoEncoder::Software));
        assert_eq!(
            read(r#"{"video_encoder": null}"#).unwrap().video_encoder,
            None
        );
        assert!(read(r#"{"video_encoder": "unknown"}"#).is_err());
    }

    #[test]
    fn change_of_hooks_creates_a_version() {
        let patch = ApplicationPatch {
            hooks: Some(Hooks::default()),
            ..ApplicationPatch::default()
        };
        assert!(patch.creates_version());
    }
}
