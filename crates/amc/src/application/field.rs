//! Attributes of an application that can be changed one by one.

use aar_cli::Failure;
use aar_types::{Bootstrap, Hooks, Watchdog};
use ams_api::{AmsClient, Application, ApplicationPatch, ResourcesPatch};
use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::de::DeserializeOwned;

use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Id or name of the application
    id: String,
    /// The attribute
    #[arg(value_enum)]
    field: Field,
    /// Its new value; of lists, all entries separated by commas
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UnsetArgs {
    /// Id or name of the application
    id: String,
    /// The attribute
    #[arg(value_enum)]
    field: Field,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Field {
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

pub(crate) async fn set(session: &Session, arguments: &SetArgs) -> anyhow::Result<()> {
    let SetArgs {
        id, field, value, ..
    } = arguments;
    apply(session, id, *field, value, arguments.timeout).await
}

pub(crate) async fn unset(session: &Session, arguments: &UnsetArgs) -> anyhow::Result<()> {
    let UnsetArgs { id, field, timeout } = arguments;
    let default = field.default_value().ok_or_else(|| {
        Failure::new("this attribute has no default")
            .with_hint("give it a value with `amc application set`")
    })?;
    apply(session, id, *field, default, *timeout).await
}

async fn apply(
    session: &Session,
    id: &str,
    field: Field,
    value: &str,
    timeout: TimeoutArgs,
) -> anyhow::Result<()> {
    let client = session.client()?;
    let watchdog = current_watchdog(&client, id, field).await?;
    let patch = field.patch(value, watchdog)?;
    let ask = client.update_application(id, &patch);
    operation::complete(&client, Some(timeout.limit()), ask).await
}

/// The watchdog is changed as a whole: what is not meant stays as it is.
async fn current_watchdog(
    client: &AmsClient,
    id: &str,
    field: Field,
) -> Result<Watchdog, ams_api::Error> {
    match field {
        Field::WatchdogDisabled | Field::WatchdogAllowedPackages => {
            Ok(newest_watchdog(client.application(id).await?))
        }
        _ => Ok(Watchdog::default()),
    }
}

fn newest_watchdog(application: Application) -> Watchdog {
    let versions = application.versions.into_iter();
    let newest = versions.max_by_key(|version| version.number);
    newest.map(|version| version.watchdog).unwrap_or_default()
}

impl Field {
    fn patch(self, value: &str, watchdog: Watchdog) -> anyhow::Result<ApplicationPatch> {
        let mut patch = ApplicationPatch::default();
        match self {
            Self::Image => patch.image = Some(value.to_owned()),
            Self::InstanceType => patch.instance_type = Some(value.to_owned()),
            Self::Addons => patch.addons = Some(list(value)),
            Self::Tags => patch.tags = Some(list(value)),
            Self::InhibitAutoUpdates => patch.inhibit_auto_updates = Some(boolean(value)?),
            Self::NodeSelector => patch.node_selector = Some(list(value)),
            Self::BootActivity => patch.boot_activity = Some(value.to_owned()),
            Self::Features => patch.features = Some(list(value)),
            Self::Services => patch.services = Some(yaml(value)?),
            Self::RequiredPermissions => patch.required_permissions = Some(list(value)),
            Self::VideoEncoder => patch.video_encoder = Some(value.parse()?),
            Self::ManifestVersion => patch.manifest_version = Some(value.to_owned()),
            Self::HooksTimeout => {
                patch.hooks = Some(Hooks {
                    timeout: value.to_owned(),
                });
            }
            Self::BootstrapKeep => patch.bootstrap = Some(Bootstrap { keep: list(value) }),
            Self::WatchdogDisabled => {
                patch.watchdog = Some(Watchdog {
                    disabled: boolean(value)?,
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

    fn resources(self, value: &str) -> anyhow::Result<ResourcesPatch> {
        let mut patch = ResourcesPatch::default();
        match self {
            Self::Cpus => patch.cpus = Some(number(value)?),
            Self::Memory => patch.memory = Some(value.to_owned()),
            Self::DiskSize => patch.disk_size = Some(value.to_owned()),
            Self::GpuSlots => patch.gpu_slots = Some(number(value)?),
            Self::GpuType => patch.gpu_type = Some(value.to_owned()),
            Self::VpuSlots => patch.vpu_slots = Some(number(value)?),
            Self::NoDiskReserve => patch.no_disk_reserve = Some(boolean(value)?),
            _ => {}
        }
        Ok(patch)
    }

    /// The value that stands for the default, where there is one.
    fn default_value(self) -> Option<&'static str> {
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
}

fn list(value: &str) -> Vec<String> {
    let entries = value.split(',').map(str::trim);
    entries
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .collect()
}

fn boolean(value: &str) -> anyhow::Result<bool> {
    value
        .parse()
        .with_context(|| format!("{value:?} is neither true nor false"))
}

fn number(value: &str) -> anyhow::Result<i64> {
    value
        .parse()
        .with_context(|| format!("{value:?} is not a number"))
}

fn yaml<T: DeserializeOwned>(value: &str) -> anyhow::Result<T> {
    serde_saphyr::from_str(value).context("the value is not the YAML that is expected")
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
