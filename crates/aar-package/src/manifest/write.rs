//! Writing a manifest as YAML, without values that are defaults.

use std::collections::BTreeMap;

use aar_types::{ExtraData, NetworkProtocol, Resources, VideoEncoder};
use serde::Serialize;

use super::Manifest;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'m> {
    name: &'m str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'m str,
    #[serde(skip_serializing_if = "str::is_empty")]
    instance_type: &'m str,
    #[serde(skip_serializing_if = "str::is_empty")]
    abi: &'m str,
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'m str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    addons: &'m [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'m [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    boot_package: &'m str,
    #[serde(skip_serializing_if = "str::is_empty")]
    boot_activity: &'m str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    required_permissions: &'m [String],
    #[serde(skip_serializing_if = "is_default")]
    video_encoder: VideoEncoder,
    #[serde(skip_serializing_if = "is_default")]
    watchdog: Watchdog<'m>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<Service<'m>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<ResourceKeys<'m>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra_data: &'m BTreeMap<String, ExtraData>,
    #[serde(skip_serializing_if = "is_default")]
    hooks: Hooks<'m>,
    #[serde(skip_serializing_if = "is_default")]
    bootstrap: Bootstrap<'m>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    features: &'m [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    node_selector: &'m [String],
}

#[derive(Serialize, Default, PartialEq)]
#[serde(rename_all = "kebab-case")]
struct Watchdog<'m> {
    disabled: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    allowed_packages: &'m [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Service<'m> {
    name: &'m str,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    port_end: Option<u16>,
    protocols: &'m [NetworkProtocol],
    expose: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ResourceKeys<'m> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus: Option<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    memory: &'m str,
    #[serde(skip_serializing_if = "str::is_empty")]
    disk_size: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_slots: Option<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    gpu_type: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpu_slots: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    no_disk_reserve: bool,
}

#[derive(Serialize, Default, PartialEq)]
struct Hooks<'m> {
    timeout: &'m str,
}

#[derive(Serialize, Default, PartialEq)]
struct Bootstrap<'m> {
    keep: &'m [String],
}

pub(super) fn to_yaml(manifest: &Manifest) -> String {
    serde_saphyr::to_string(&document(manifest)).expect("texts, numbers and lists have a YAML form")
}

fn document(manifest: &Manifest) -> Document<'_> {
    let Manifest {
        name,
        application,
        version,
    } = manifest;
    Document {
        name: name.as_str(),
        version: &version.manifest_version,
        instance_type: &application.instance_type,
        abi: &application.abi,
        image: &application.image,
        addons: &application.addons,
        tags: &application.tags,
        boot_package: &application.boot_package,
        boot_activity: &version.boot_activity,
        required_permissions: &version.required_permissions,
        video_encoder: version.video_encoder,
        watchdog: Watchdog {
            disabled: version.watchdog.disabled,
            allowed_packages: &version.watchdog.allowed_packages,
        },
        services: version.services.iter().map(service).collect(),
        resources: resources(&application.resources),
        extra_data: &version.extra_data,
        hooks: Hooks {
            timeout: &version.hooks.timeout,
        },
        bootstrap: Bootstrap {
            keep: &version.bootstrap.keep,
        },
        features: &version.features,
        node_selector: &application.node_selector,
    }
}

fn service(service: &aar_types::NetworkService) -> Service<'_> {
    Service {
        name: &service.name,
        port: service.port,
        port_end: service.port_end,
        protocols: &service.protocols,
        expose: service.expose,
    }
}

fn resources(resources: &Resources) -> Option<ResourceKeys<'_>> {
    let keys = ResourceKeys {
        cpus: resources.cpus,
        memory: &resources.memory,
        disk_size: &resources.disk_size,
        gpu_slots: resources.gpu_slots,
        gpu_type: &resources.gpu_type,
        vpu_slots: resources.vpu_slots,
        no_disk_reserve: resources.no_disk_reserve,
    };
    (*resources != Resources::default()).then_some(keys)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
