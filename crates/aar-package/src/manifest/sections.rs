//! The keys of a manifest, section by section.

use std::collections::{BTreeMap, HashSet};

use aar_types::{
    ApplicationMetadata, Bootstrap, ExtraData, Hooks, NetworkService, Resources, VersionManifest,
    Watchdog, rules,
};

use super::{
    Manifest,
    check::{At, Check, Fields},
    document::{Node, Value},
};

const MANIFEST: &[&str] = &[
    "name",
    "version",
    "instance-type",
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
const SERVICE: &[&str] = &["name", "port", "port-end", "protocols", "expose"];
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

/// Checks everything, also where there is no name to make a manifest with.
pub(super) fn manifest(check: &mut Check, root: &Node) -> Option<Manifest> {
    let root = At {
        key: String::new(),
        node: Some(root).filter(|root| !matches!(root.value, Value::Null)),
    };
    let fields = check.fields(&root, MANIFEST);
    let name = check.required(&fields.at("name"), rules::name, rules::NAME);
    let application = application(check, &fields);
    let version = version(check, &fields, &application.boot_package);
    Some(Manifest {
        name: name?,
        application,
        version,
    })
}

fn application(check: &mut Check, fields: &Fields<'_>) -> ApplicationMetadata {
    ApplicationMetadata {
        instance_type: or_default(check.value(&fields.at("instance-type"), rules::instance_type)),
        boot_package: or_default(check.value(&fields.at("boot-package"), rules::package)),
        image: or_default(check.value(&fields.at("image"), rules::line)),
        tags: check.list(&fields.at("tags"), rules::tag),
        addons: check.list(&fields.at("addons"), rules::line),
        node_selector: check.list(&fields.at("node-selector"), rules::line),
        resources: resources(check, &fields.at("resources")),
        ..ApplicationMetadata::default()
    }
}

fn version(check: &mut Check, fields: &Fields<'_>, boot_package: &str) -> VersionManifest {
    let permissions = fields.at("required-permissions");
    VersionManifest {
        manifest_version: or_default(check.value(&fields.at("version"), rules::version)),
        boot_activity: or_default(check.value(&fields.at("boot-activity"), rules::activity)),
        required_permissions: check.list_or_all(&permissions, rules::permission),
        video_encoder: or_default(check.value(&fields.at("video-encoder"), rules::video_encoder)),
        watchdog: watchdog(check, &fields.at("watchdog")),
        services: services(check, &fields.at("services")),
        extra_data: extra_data(check, &fields.at("extra-data"), boot_package),
        hooks: hooks(check, &fields.at("hooks")),
        bootstrap: bootstrap(check, &fields.at("bootstrap")),
        features: check.list(&fields.at("features"), rules::line),
        apk: None,
    }
}

fn watchdog(check: &mut Check, at: &At<'_>) -> Watchdog {
    let fields = check.fields(at, WATCHDOG);
    Watchdog {
        disabled: or_default(check.value(&fields.at("disabled"), rules::boolean)),
        allowed_packages: check.list_or_all(&fields.at("allowed-packages"), rules::package),
    }
}

fn services(check: &mut Check, at: &At<'_>) -> Vec<NetworkService> {
    let mut names = HashSet::new();
    let items = check.items(at);
    items
        .iter()
        .filter_map(|item| service(check, item, &mut names))
        .collect()
}

fn service(check: &mut Check, at: &At<'_>, names: &mut HashSet<String>) -> Option<NetworkService> {
    let fields = check.fields(at, SERVICE);
    let (name_at, end_at) = (fields.at("name"), fields.at("port-end"));
    let name = check.required(&name_at, rules::service_name, rules::SERVICE_NAME);
    let port = check.required(&fields.at("port"), rules::port, rules::PORT);
    let port_end = check.value(&end_at, rules::port);
    let protocols = check.list(&fields.at("protocols"), rules::protocol);
    let expose = or_default(check.value(&fields.at("expose"), rules::boolean));
    let (name, port) = (name?, port?);
    if !names.insert(name.clone()) {
        check.refuse_at(&name_at, "a name that no other service has");
    }
    if port_end.is_some_and(|end| end < port) {
        check.refuse_at(&end_at, format!("a port ({port} to 65535)"));
    }
    Some(NetworkService {
        name,
        port,
        port_end,
        protocols,
        expose,
    })
}

fn resources(check: &mut Check, at: &At<'_>) -> Resources {
    let fields = check.fields(at, RESOURCES);
    Resources {
        cpus: check.value(&fields.at("cpus"), rules::cpus),
        memory: or_default(check.value(&fields.at("memory"), rules::size)),
        disk_size: or_default(check.value(&fields.at("disk-size"), rules::size)),
        gpu_slots: check.value(&fields.at("gpu-slots"), rules::slots),
        gpu_type: or_default(check.value(&fields.at("gpu-type"), rules::gpu_type)),
        vpu_slots: check.value(&fields.at("vpu-slots"), rules::slots),
        no_disk_reserve: or_default(check.value(&fields.at("no-disk-reserve"), rules::boolean)),
    }
}

fn extra_data(check: &mut Check, at: &At<'_>, boot_package: &str) -> BTreeMap<String, ExtraData> {
    let entries = check.map(at);
    let mut data = BTreeMap::new();
    for (name, position, at) in entries.all() {
        check.extra_data_name(&at.key, name, position);
        let fields = check.fields(&at, EXTRA_DATA);
        let target = fields.at("target");
        let path = check.required(&target, |text| Ok(text.to_owned()), rules::TARGET);
        let path = path.unwrap_or_default();
        if let Err(allowed) = rules::target(&path, boot_package) {
            check.refuse_at(&target, allowed);
        }
        let entry = ExtraData {
            target: path,
            owner: or_default(check.value(&fields.at("owner"), rules::owner)),
            permissions: or_default(check.value(&fields.at("permissions"), rules::permissions)),
        };
        data.insert(name.to_owned(), entry);
    }
    data
}

fn hooks(check: &mut Check, at: &At<'_>) -> Hooks {
    let fields = check.fields(at, HOOKS);
    let timeout = or_default(check.value(&fields.at("timeout"), rules::hook_timeout));
    Hooks { timeout }
}

fn bootstrap(check: &mut Check, at: &At<'_>) -> Bootstrap {
    let fields = check.fields(at, BOOTSTRAP);
    let keep = check.list(&fields.at("keep"), rules::keep_pattern);
    Bootstrap { keep }
}

fn or_default<T: Default>(value: Option<T>) -> T {
    value.unwrap_or_default()
}
