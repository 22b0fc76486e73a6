//! The attributes of an application that can be changed one at a time.

use aar_cli::Failure;
use aar_types::{Bootstrap, Hooks, InvalidValue, NetworkService, VideoEncoder, Watchdog};
use ams_api::{ApplicationPatch, ResourcesPatch};
use clap::ValueEnum;

const NOT_SERVICES: &str = "not a YAML list of services with name, port (1 to 65535), protocols \
                            (tcp, udp) and expose, such as \
                            [{name: adb, port: 5559, protocols: [tcp]}]";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Attribute {
    /// Base image, by id or name
    Image,
    /// Instance type
    InstanceType,
    /// Addons
    Addons,
    /// Tags
    Tags,
    /// Whether to keep the base image when a newer one is released
    InhibitAutoUpdates,
    /// Tags of the nodes that may run the application
    NodeSelector,
    /// Number of CPUs
    #[value(name = "resources.cpus")]
    Cpus,
    /// Memory, such as 4GB
    #[value(name = "resources.memory")]
    Memory,
    /// Disk space, such as 8GB
    #[value(name = "resources.disk-size")]
    DiskSize,
    /// Number of GPU slots
    #[value(name = "resources.gpu-slots")]
    GpuSlots,
    /// Vendor of the GPU: amd, intel or nvidia
    #[value(name = "resources.gpu-type")]
    GpuType,
    /// Number of VPU slots
    #[value(name = "resources.vpu-slots")]
    VpuSlots,
    /// Whether to skip the reservation of disk space
    #[value(name = "resources.no-disk-reserve")]
    NoDiskReserve,
    /// Activity to start (adds a version)
    BootActivity,
    /// Features (adds a version)
    Features,
    /// Services, as a YAML list (adds a version)
    Services,
    /// Android permissions (adds a version)
    RequiredPermissions,
    /// Video encoder: gpu, gpu-preferred, software or vpu (adds a version)
    VideoEncoder,
    /// Version in the manifest (adds a version)
    #[value(alias = "version")]
    ManifestVersion,
    /// Time limit of a hook, such as 5m (adds a version)
    #[value(name = "hooks.timeout")]
    HooksTimeout,
    /// Parts of the package to keep after the bootstrap (adds a version)
    #[value(name = "bootstrap.keep")]
    BootstrapKeep,
    /// Whether any Android package may be in the foreground (adds a version)
    #[value(name = "watchdog.disabled")]
    WatchdogDisabled,
    /// Other Android packages that may be in the foreground (adds a version)
    #[value(name = "watchdog.allowed-packages")]
    WatchdogAllowedPackages,
}

impl Attribute {
    /// The patch that sets this attribute. `watchdog` is the present one: AMS replaces it as a whole.
    pub(super) fn patch(
        self,
        value: &str,
        watchdog: Watchdog,
    ) -> Result<ApplicationPatch, Failure> {
        let mut patch = ApplicationPatch::default();
        match self {
            Self::Image => patch.image = Some(value.to_owned()),
            Self::InstanceType => patch.instance_type = Some(value.to_owned()),
            Self::Addons => patch.addons = Some(list(value)),
            Self::Tags => patch.tags = Some(list(value)),
            Self::InhibitAutoUpdates => patch.inhibit_auto_updates = Some(self.boolean(value)?),
            Self::NodeSelector => patch.node_selector = Some(list(value)),
            Self::BootActivity => patch.boot_activity = Some(value.to_owned()),
            Self::Features => patch.features = Some(list(value)),
            Self::Services => patch.services = Some(self.services(value)?),
            Self::RequiredPermissions => patch.required_permissions = Some(list(value)),
            Self::VideoEncoder => patch.video_encoder = Some(self.video_encoder(value)?),
            Self::ManifestVersion => patch.manifest_version = Some(value.to_owned()),
            Self::HooksTimeout => {
                patch.hooks = Some(Hooks {
                    timeout: value.to_owned(),
                });
            }
            Self::BootstrapKeep => patch.bootstrap = Some(Bootstrap { keep: list(value) }),
            Self::WatchdogDisabled => {
                patch.watchdog = Some(Watchdog {
                    disabled: self.boolean(value)?,
                    ..watchdog
                });
            }
            Self::WatchdogAllowedPackages => {
                patch.watchdog = Some(Watchdog {
                    allowed_packages: list(value),
                    ..watchdog
                });
            }
            resource => patch.resources = Some(resource.resources(value)?),
        }
        Ok(patch)
    }

    fn resources(self, value: &str) -> Result<ResourcesPatch, Failure> {
        let mut patch = ResourcesPatch::default();
        match self {
            Self::Cpus => patch.cpus = Some(self.number(value)?),
            Self::Memory => patch.memory = Some(value.to_owned()),
            Self::DiskSize => patch.disk_size = Some(value.to_owned()),
            Self::GpuSlots => patch.gpu_slots = Some(self.number(value)?),
            Self::GpuType => patch.gpu_type = Some(value.to_owned()),
            Self::VpuSlots => patch.vpu_slots = Some(self.number(value)?),
            Self::NoDiskReserve => patch.no_disk_reserve = Some(self.boolean(value)?),
            _ => {}
        }
        Ok(patch)
    }

    /// The value that restores the default, if there is one.
    pub(super) fn default_value(self) -> Option<&'static str> {
        match self {
            Self::Image | Self::InstanceType | Self::ManifestVersion => None,
            Self::InhibitAutoUpdates | Self::NoDiskReserve | Self::WatchdogDisabled => {
                Some("false")
            }
            Self::Cpus | Self::GpuSlots | Self::VpuSlots => Some("-1"),
            Self::Services => Some("[]"),
            _ => Some(""),
        }
    }

    fn boolean(self, value: &str) -> Result<bool, Failure> {
        let invalid = |_| self.invalid(value, "neither true nor false");
        value.parse().map_err(invalid)
    }

    fn number(self, value: &str) -> Result<i64, Failure> {
        let invalid = |_| self.invalid(value, "not a whole number");
        value.parse().map_err(invalid)
    }

    fn video_encoder(self, value: &str) -> Result<VideoEncoder, Failure> {
        let invalid = |error: InvalidValue| self.invalid(value, &format!("not {}", error.expected));
        value.parse().map_err(invalid)
    }

    fn services(self, value: &str) -> Result<Vec<NetworkService>, Failure> {
        let invalid = |_| self.invalid(value, NOT_SERVICES);
        serde_saphyr::from_str(value).map_err(invalid)
    }

    fn invalid(self, value: &str, why: &str) -> Failure {
        Failure::new(format!("cannot set {}: {value:?} is {why}", self.name()))
    }

    pub(super) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

fn list(value: &str) -> Vec<String> {
    let entries = value.split(',').map(str::trim);
    entries
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn patched(attribute: &str, value: &str) -> Value {
        let attribute = Attribute::from_str(attribute, false).unwrap();
        let watchdog = Watchdog {
            disabled: false,
            allowed_packages: vec!["a.b".to_owned()],
        };
        let patch = attribute.patch(value, watchdog).unwrap();
        serde_json::to_value(patch).unwrap()
    }

    #[test]
    fn attribute_patch_contains_its_value_in_the_format_of_the_api() {
        assert_eq!(
            patched("instance-type", "a4.3"),
            json!({"instance-type": "a4.3"})
        );
        assert_eq!(patched("tags", "a, b"), json!({"tags": ["a", "b"]}));
        assert_eq!(
            patched("resources.disk-size", "8GB"),
            json!({"resources": {"disk-size": "8GB"}})
        );
        assert_eq!(
            patched("hooks.timeout", "5m"),
            json!({"hooks": {"timeout": "5m"}})
        );
        assert_eq!(
            patched("watchdog.disabled", "true"),
            json!({"watchdog": {"disabled": true, "allowed-packages": ["a.b"]}})
        );
        assert_eq!(
            patched("services", "[{name: adb, port: 5559, protocols: [tcp]}]"),
            json!({"services": [
                {"name": "adb", "port": 5559, "protocols": ["tcp"], "expose": false}
            ]})
        );
    }

    #[test]
    fn invalid_value_is_refused_with_what_is_expected() {
        for (attribute, value, expected) in [
            (Attribute::NoDiskReserve, "yes", "neither true nor false"),
            (Attribute::GpuSlots, "1.5", "not a whole number"),
            (Attribute::Services, "[{name: a}]", NOT_SERVICES),
            (Attribute::Services, "{", NOT_SERVICES),
            (
                Attribute::VideoEncoder,
                "cpu",
                "not a video encoder (gpu, gpu-preferred, software or vpu)",
            ),
        ] {
            let error = attribute.patch(value, Watchdog::default()).unwrap_err();
            let expected = format!("cannot set {}: {value:?} is {expected}", attribute.name());
            assert_eq!(error.message(), expected);
        }
    }

    #[test]
    fn patch_of_every_attribute_changes_only_that_attribute() {
        for attribute in Attribute::value_variants() {
            let value = attribute.default_value().unwrap_or("x");
            let value = match attribute {
                Attribute::VideoEncoder => "software",
                _ => value,
            };
            let patch = attribute.patch(value, Watchdog::default()).unwrap();
            let json = serde_json::to_value(patch).unwrap();
            assert_eq!(json.as_object().unwrap().len(), 1, "{attribute:?}: {json}");
        }
    }

    #[test]
    fn default_of_a_list_is_empty_and_of_a_number_negative() {
        assert_eq!(Attribute::Tags.default_value(), Some(""));
        assert_eq!(patched("tags", ""), json!({"tags": []}));
        assert_eq!(
            patched("resources.cpus", "-1"),
            json!({"resources": {"cpus": -1}})
        );
        assert_eq!(Attribute::InstanceType.default_value(), None);
    }
}
