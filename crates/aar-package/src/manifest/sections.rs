//! The sections of a manifest and their keys.

use std::collections::{BTreeMap, HashSet};

use aar_types::{
    ApplicationMetadata, Bootstrap, ExtraData, Hooks, NetworkService, Resources, VersionManifest,
    Watchdog, rules,
};

use unicode_normalization::UnicodeNormalization as _;

use super::{
    Manifest,
    checker::{ManifestChecker, ManifestKey, MapFields},
    document::{YamlNode, YamlValue},
};

const MANIFEST: &[&str] = &[
    "name",
    "version",
    "instance-type",
    "abi",
    "image",
    "addons",
    "tags",
    "boot-package",
    "boot-activity",
    "required-permissions",
    "video-encoder",
    "watchdog",
    "services",
    "resources",
    "extra-data",
    "hooks",
    "bootstrap",
    "features",
    "node-selector",
];
const WATCHDOG: &[&str] = &["disabled", "allowed-packages"];
const SERVICE: &[&str] = &[
    "name",
    "port",
    "port-end",
    "port_end",
    "protocols",
    "expose",
];
const RESOURCES: &[&str] = &[
    "cpus",
    "memory",
    "disk-size",
    "gpu-slots",
    "gpu-type",
    "vpu-slots",
    "no-disk-reserve",
];
const EXTRA_DATA: &[&str] = &["target", "owner", "permissions"];
const HOOKS: &[&str] = &["timeout"];
const BOOTSTRAP: &[&str] = &["keep"];

/// Checks all sections, also if the name is missing and the result is none.
pub(super) fn manifest(checker: &mut ManifestChecker, root: &YamlNode) -> Option<Manifest> {
    let root = ManifestKey {
        path: String::new(),
        node: Some(root).filter(|root| !matches!(root.value, YamlValue::Null)),
    };
    let fields = checker.fields(&root, MANIFEST);
    let name = checker.required(&fields.key("name"), rules::name, rules::NAME);
    let application = application(checker, &fields);
    let version = version(checker, &fields, &application.boot_package);
    Some(Manifest {
        name: name?,
        application,
        version,
    })
}

fn application(checker: &mut ManifestChecker, fields: &MapFields<'_>) -> ApplicationMetadata {
    ApplicationMetadata {
        instance_type: or_default(
            checker.value(&fields.key("instance-type"), rules::instance_type),
        ),
        boot_package: or_default(checker.value(&fields.key("boot-package"), rules::package)),
        abi: or_default(checker.value(&fields.key("abi"), rules::abi)),
        image: or_default(checker.value(&fields.key("image"), rules::line)),
        tags: checker.list(&fields.key("tags"), rules::tag),
        addons: checker.list(&fields.key("addons"), rules::line),
        node_selector: checker.list(&fields.key("node-selector"), rules::line),
        resources: resources(checker, &fields.key("resources")),
        ..ApplicationMetadata::default()
    }
}

fn version(
    checker: &mut ManifestChecker,
    fields: &MapFields<'_>,
    boot_package: &str,
) -> VersionManifest {
    let permissions = fields.key("required-permissions");
    VersionManifest {
        manifest_version: or_default(checker.value(&fields.key("version"), rules::version)),
        boot_activity: or_default(checker.value(&fields.key("boot-activity"), rules::activity)),
        required_permissions: checker.list_or_all(&permissions, rules::permission),
        video_encoder: or_default(
            checker.value(&fields.key("video-encoder"), rules::video_encoder),
        ),
        watchdog: watchdog(checker, &fields.key("watchdog")),
        services: services(checker, &fields.key("services")),
        extra_data: extra_data(checker, &fields.key("extra-data"), boot_package),
        hooks: hooks(checker, &fields.key("hooks")),
        bootstrap: bootstrap(checker, &fields.key("bootstrap")),
        features: checker.list(&fields.key("features"), rules::line),
        apk: None,
    }
}

fn watchdog(checker: &mut ManifestChecker, key: &ManifestKey<'_>) -> Watchdog {
    let fields = checker.fields(key, WATCHDOG);
    Watchdog {
        disabled: or_default(checker.value(&fields.key("disabled"), rules::boolean)),
        allowed_packages: checker.list_or_all(&fields.key("allowed-packages"), rules::package),
    }
}

fn services(checker: &mut ManifestChecker, key: &ManifestKey<'_>) -> Vec<NetworkService> {
    let mut names = HashSet::new();
    let items = checker.items(key);
    items
        .iter()
        .filter_map(|item| service(checker, item, &mut names))
        .collect()
}

fn service(
    checker: &mut ManifestChecker,
    key: &ManifestKey<'_>,
    names: &mut HashSet<String>,
) -> Option<NetworkService> {
    let fields = checker.fields(key, SERVICE);
    let (name_key, end_key) = (fields.key("name"), fields.key_or("port-end", "port_end"));
    let name = checker.required(&name_key, rules::service_name, rules::SERVICE_NAME);
    let port = checker.required_integer(&fields.key("port"), rules::port, rules::PORT);
    let port_end = checker.integer(&end_key, rules::port);
    let protocols = checker.list(&fields.key("protocols"), rules::protocol);
    let expose = or_default(checker.value(&fields.key("expose"), rules::boolean));
    let (name, port) = (name?, port?);
    if !names.insert(name.clone()) {
        checker.refuse(&name_key, "a name that no other service has");
    }
    if port_end.is_some_and(|end| end < port) {
        checker.refuse(&end_key, format!("a port ({port} to 65535)"));
    }
    Some(NetworkService {
        name,
        port,
        port_end,
        protocols,
        expose,
    })
}

fn resources(checker: &mut ManifestChecker, key: &ManifestKey<'_>) -> Resources {
    let fields = checker.fields(key, RESOURCES);
    Resources {
        cpus: checker.integer(&fields.key("cpus"), rules::cpus),
        memory: or_default(checker.value(&fields.key("memory"), rules::size)),
        disk_size: or_default(checker.value(&fields.key("disk-size"), rules::size)),
        gpu_slots: checker.integer(&fields.key("gpu-slots"), rules::slots),
        gpu_type: or_default(checker.value(&fields.key("gpu-type"), rules::gpu_type)),
        vpu_slots: checker.integer(&fields.key("vpu-slots"), rules::slots),
        no_disk_reserve: or_default(checker.value(&fields.key("no-disk-reserve"), rules::boolean)),
    }
}

fn extra_data(
    checker: &mut ManifestChecker,
    key: &ManifestKey<'_>,
    boot_package: &str,
) -> BTreeMap<String, ExtraData> {
    let entries = checker.map(key);
    let mut data = BTreeMap::new();
    for (name, position, key) in entries.all() {
        checker.check_extra_data_name(&key.path, name, position);
        let fields = checker.fields(&key, EXTRA_DATA);
        let target = fields.key("target");
        let path = checker.required(&target, |text| Ok(text.to_owned()), rules::TARGET);
        let path = path.unwrap_or_default();
        if let Err(allowed) = rules::target(&path, boot_package) {
            checker.refuse(&target, allowed);
        }
        let entry = ExtraData {
            target: path,
            owner: or_default(checker.value(&fields.key("owner"), rules::owner)),
            permissions: or_default(checker.value(&fields.key("permissions"), rules::permissions)),
        };
        data.insert(name.nfc().collect(), entry);
    }
    data
}

fn hooks(checker: &mut ManifestChecker, key: &ManifestKey<'_>) -> Hooks {
    let fields = checker.fields(key, HOOKS);
    let timeout = or_default(checker.value(&fields.key("timeout"), rules::hook_timeout));
    Hooks { timeout }
}

fn bootstrap(checker: &mut ManifestChecker, key: &ManifestKey<'_>) -> Bootstrap {
    let fields = checker.fields(key, BOOTSTRAP);
    let keep = checker.list(&fields.key("keep"), rules::keep_pattern);
    Bootstrap { keep }
}

fn or_default<T: Default>(value: Option<T>) -> T {
    value.unwrap_or_default()
}
