//! Attributes of an application that can be changed one by one.

use aar_cli::Failure;
use aar_types::{Bootstrap, Hooks, InvalidValue, NetworkService, VideoEncoder, Watchdog};
use ams_api::{ApplicationPatch, ResourcesPatch};
use clap::ValueEnum;

const SERVICES: &str = "not a YAML list of services with name, port (1 to 65535), protocols (tcp, \
                        udp) and expose, such as [{name: adb, port: 5559, protocols: [tcp]}]";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Field {
    /// Base image, by id or name
    Image,
    /// Instance type
    InstanceType,
    /// Addons
    Addons,
    /// Tags
    Tags,
    /// Whether the base image stays when a newer one comes out
    InhibitAutoUpdates,
    /// Tags of the nodes it may run on
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
    /// Whether the disk space is not reserved up front
    #[value(name = "resources.no-disk-reserve")]
    NoDiskReserve,
    /// Activity that is started (new version)
    BootActivity,
    /// Features (new version)
    Features,
    /// Services, as a YAML list (new version)
    Services,
    /// Android permissions (new version)
    RequiredPermissions,
    /// How video is encoded: gpu, gpu-preferred, software or vpu (new version)
    VideoEncoder,
    /// Version that the manifest names (new version)
    #[value(alias = "version")]
    ManifestVersion,
    /// How long a hook may take, such as 5m (new version)
    #[value(name = "hooks.timeout")]
    HooksTimeout,
    /// What is kept of the package (new version)
    #[value(name = "bootstrap.keep")]
    BootstrapKeep,
    /// Whether anything may be in the foreground (new version)
    #[value(name = "watchdog.disabled")]
    WatchdogDisabled,
    /// What else may be in the foreground (new version)
    #[value(name = "watchdog.allowed-packages")]
    WatchdogAllowedPackages,
}

impl Field {
    /// The change that gives it a value. The watchdog is the present one.
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

    /// The value that stands for the default, where there is one.
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
        let wrong = |_| self.wrong(value, "neither true nor false");
        value.parse().map_err(wrong)
    }

    fn number(self, value: &str) -> Result<i64, Failure> {
        let wrong = |_| self.wrong(value, "not a whole number");
        value.parse().map_err(wrong)
    }

    fn video_encoder(self, value: &str) -> Result<VideoEncoder, Failure> {
        let wrong = |invalid: InvalidValue| self.wrong(value, &format!("not {}", invalid.expected));
        value.parse().map_err(wrong)
    }

    fn services(self, value: &str) -> Result<Vec<NetworkService>, Failure> {
        let wrong = |_| self.wrong(value, SERVICES);
        serde_saphyr::from_str(value).map_err(wrong)
    }

    fn wrong(self, value: &str, why: &str) -> Failure {
        Failure::new(format!("{}: {value:?} is {why}", self.name()))
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

    fn patched(field: &str, value: &str) -> Value {
        let field = Field::from_str(field, false).unwrap();
        let watchdog = Watchdog {
            disabled: false,
            allowed_packages: vec!["a.b".to_owned()],
        };
        let patch = field.patch(value, watchdog).unwrap();
        serde_json::to_value(patch).unwrap()
    }

    #[test]
    fn a_field_changes_what_it_names_and_nothing_else() {
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
    fn a_value_that_does_not_fit_is_answered_with_what_does() {
        for (field, value, told) in [
            (Field::NoDiskReserve, "yes", "neither true nor false"),
            (Field::GpuSlots, "1.5", "not a whole number"),
            (Field::Services, "[{name: a}]", SERVICES),
            (Field::Services, "{", SERVICES),
            (
                Field::VideoEncoder,
                "cpu",
                "not a video encoder (gpu, gpu-preferred, software or vpu)",
            ),
        ] {
            let refused = field.patch(value, Watchdog::default()).unwrap_err();
            let expected = format!("{}: {value:?} is {told}", field.name());
            assert_eq!(refused.message(), expected);
        }
    }

    #[test]
    fn every_field_makes_a_patch_and_only_of_itself() {
        for field in Field::value_variants() {
            let value = field.default_value().unwrap_or("x");
            let value = match field {
                Field::VideoEncoder => "software",
                _ => value,
            };
            let patch = field.patch(value, Watchdog::default()).unwrap();
            let json = serde_json::to_value(patch).unwrap();
            assert_eq!(json.as_object().unwrap().len(), 1, "{field:?}: {json}");
        }
    }

    #[test]
    fn defaults_of_lists_are_empty_and_of_numbers_none() {
        assert_eq!(Field::Tags.default_value(), Some(""));
        assert_eq!(patched("tags", ""), json!({"tags": []}));
        assert_eq!(
            patched("resources.cpus", "-1"),
            json!({"resources": {"cpus": -1}})
        );
        assert_eq!(Field::InstanceType.default_value(), None);
    }
}
