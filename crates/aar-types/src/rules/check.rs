use std::collections::HashSet;

use crate::{
    ApkFacts, ApplicationMetadata, ExtraData, Fingerprint, NetworkService, Resources,
    VersionManifest,
    rules::{self, AllowedForm},
};

/// How many characters of an invalid value a message repeats.
const MAX_SHOWN: usize = 100;

/// A value of a request body that no manifest could have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {found:?} is not {allowed}")]
pub struct RuleViolation {
    /// The path of the field, such as `resources.memory` or `tags[1]`.
    pub field: String,
    /// The value, or the start of a long one.
    pub found: String,
    /// The allowed form, worded to follow "is not".
    pub allowed: String,
}

impl RuleViolation {
    fn new(field: impl Into<String>, found: &str, allowed: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            found: found.chars().take(MAX_SHOWN).collect(),
            allowed: allowed.into(),
        }
    }

    fn below(mut self, section: &str) -> Self {
        self.field = format!("{section}.{}", self.field);
        self
    }
}

impl ApplicationMetadata {
    /// Checks each value by the rules for manifests and returns the first violation. An empty value
    /// stands for the default and is always valid.
    pub fn check(&self) -> Result<(), RuleViolation> {
        optional("instance_type", &self.instance_type, rules::instance_type)?;
        optional("boot_package", &self.boot_package, rules::package)?;
        optional("abi", &self.abi, rules::abi)?;
        optional("image", &self.image, rules::line)?;
        each("tags", &self.tags, rules::tag)?;
        each("addons", &self.addons, rules::line)?;
        each("node_selector", &self.node_selector, rules::line)?;
        resources(&self.resources).map_err(|violation| violation.below("resources"))
    }
}

fn resources(resources: &Resources) -> Result<(), RuleViolation> {
    let cpus = resources.cpus.map(|cpus| cpus.to_string());
    optional("cpus", &cpus.unwrap_or_default(), rules::cpus)?;
    optional("memory", &resources.memory, rules::size)?;
    optional("disk-size", &resources.disk_size, rules::size)?;
    optional("gpu-type", &resources.gpu_type, rules::gpu_type)
}

impl VersionManifest {
    /// Checks each value by the rules for manifests and returns the first violation. An empty value
    /// stands for the default and is always valid.
    ///
    /// Extra data may belong to any package here: the boot package is part of the application and
    /// may have changed since.
    pub fn check(&self) -> Result<(), RuleViolation> {
        optional("manifest_version", &self.manifest_version, rules::version)?;
        optional("boot_activity", &self.boot_activity, rules::activity)?;
        let permissions = &self.required_permissions;
        each_or_all("required_permissions", permissions, rules::permission)?;
        let packages = &self.watchdog.allowed_packages;
        each_or_all("watchdog.allowed-packages", packages, rules::package)?;
        services(&self.services)?;
        for (name, data) in &self.extra_data {
            required("extra_data", name, package_path)?;
            extra_data(data).map_err(|violation| violation.below(&format!("extra_data.{name}")))?;
        }
        optional("hooks.timeout", &self.hooks.timeout, rules::hook_timeout)?;
        each("bootstrap.keep", &self.bootstrap.keep, rules::keep_pattern)?;
        each("features", &self.features, rules::line)?;
        self.apk.as_ref().map_or(Ok(()), |facts| {
            apk(facts).map_err(|violation| violation.below("apk"))
        })
    }
}

fn apk(facts: &ApkFacts) -> Result<(), RuleViolation> {
    required("package", &facts.package, rules::package)?;
    optional("version_name", &facts.version_name, rules::apk_version_name)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| "a number");
    optional("version_code", &facts.version_code, number)?;
    each("abis", &facts.abis, rules::abi)?;
    let fingerprint = |text: &str| text.parse::<Fingerprint>().map_err(|_| "a SHA-256");
    optional("signer", &facts.signer, fingerprint)
}

fn package_path(text: &str) -> Result<(), AllowedForm> {
    let path = text.strip_suffix('/').unwrap_or(text);
    let is_plain = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.len() <= 255
            && !segment.contains(|c: char| c.is_control() || c == '\\')
    };
    if text.len() <= 512 && path.trim_start_matches("./").split('/').all(is_plain) {
        Ok(())
    } else {
        Err("a path below extra-data in the package")
    }
}

fn services(services: &[NetworkService]) -> Result<(), RuleViolation> {
    let mut names = HashSet::new();
    for (index, declared) in services.iter().enumerate() {
        let section = format!("services[{index}]");
        service(declared).map_err(|violation| violation.below(&section))?;
        if !names.insert(&declared.name) {
            let field = format!("{section}.name");
            let allowed = "a name that no other service has";
            return Err(RuleViolation::new(field, &declared.name, allowed));
        }
    }
    Ok(())
}

fn service(service: &NetworkService) -> Result<(), RuleViolation> {
    required("name", &service.name, rules::service_name)?;
    required("port", &service.port.to_string(), rules::port)?;
    match service.port_end {
        Some(end) if end < service.port => {
            let allowed = format!("a port ({} to 65535)", service.port);
            Err(RuleViolation::new("port_end", &end.to_string(), allowed))
        }
        _ => Ok(()),
    }
}

fn extra_data(data: &ExtraData) -> Result<(), RuleViolation> {
    rules::target(&data.target, "")
        .map_err(|allowed| RuleViolation::new("target", &data.target, allowed))?;
    optional("owner", &data.owner, rules::owner)?;
    optional("permissions", &data.permissions, rules::permissions)
}

fn optional<T>(
    field: &str,
    value: &str,
    rule: impl Fn(&str) -> Result<T, AllowedForm>,
) -> Result<(), RuleViolation> {
    match value {
        "" => Ok(()),
        value => required(field, value, rule),
    }
}

fn required<T>(
    field: &str,
    value: &str,
    rule: impl Fn(&str) -> Result<T, AllowedForm>,
) -> Result<(), RuleViolation> {
    rule(value)
        .map(drop)
        .map_err(|allowed| RuleViolation::new(field, value, allowed))
}

fn each<T>(
    field: &str,
    values: &[String],
    rule: impl Fn(&str) -> Result<T, AllowedForm>,
) -> Result<(), RuleViolation> {
    let mut values = values.iter().enumerate();
    values.try_for_each(|(index, value)| required(&format!("{field}[{index}]"), value, &rule))
}

/// Checks a list in which a single `*` stands for all values.
fn each_or_all<T>(
    field: &str,
    values: &[String],
    rule: impl Fn(&str) -> Result<T, AllowedForm>,
) -> Result<(), RuleViolation> {
    match values {
        [all] if all == "*" => Ok(()),
        _ => each(field, values, rule),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn application_violation(body: Value) -> Option<String> {
        let metadata: ApplicationMetadata = serde_json::from_value(body).unwrap();
        metadata
            .check()
            .err()
            .map(|violation| violation.to_string())
    }

    fn version_violation(body: Value) -> Option<String> {
        let manifest: VersionManifest = serde_json::from_value(body).unwrap();
        manifest
            .check()
            .err()
            .map(|violation| violation.to_string())
    }

    #[test]
    fn empty_body_is_valid() {
        assert_eq!(application_violation(json!({})), None);
        assert_eq!(version_violation(json!({})), None);
    }

    #[test]
    fn complete_application_body_is_valid() {
        let body = json!({
            "instance_type": "a4.3", "boot_package": "com.example.app", "abi": "arm64-v8a",
            "image": "jammy:android13:arm64", "tags": ["created_by=anbox"], "addons": ["ssh"],
            "node_selector": ["gpu"], "resources": {
                "cpus": 2, "memory": "4GB", "disk-size": "8GB", "gpu-slots": 0, "gpu-type": "amd",
            },
        });
        assert_eq!(application_violation(body), None);
    }

    #[test]
    fn invalid_application_field_is_reported_with_its_allowed_form() {
        for (body, field, allowed) in [
            (json!({ "instance_type": "huge" }), "instance_type", "g10.3"),
            (
                json!({ "boot_package": "app" }),
                "boot_package",
                "package name",
            ),
            (json!({ "abi": "z80" }), "abi", "x86_64"),
            (
                json!({ "image": "x".repeat(251) }),
                "image",
                "250 characters",
            ),
            (json!({ "tags": ["a", "b,c"] }), "tags[1]", "no comma"),
            (json!({ "addons": [""] }), "addons[0]", "1 to 250"),
            (
                json!({ "node_selector": ["a\nb"] }),
                "node_selector[0]",
                "one line",
            ),
            (
                json!({ "resources": { "cpus": 0 } }),
                "resources.cpus",
                "1 or more",
            ),
            (
                json!({ "resources": { "memory": "1GB" } }),
                "resources.memory",
                "3GB",
            ),
            (
                json!({ "resources": { "disk-size": "x" } }),
                "resources.disk-size",
                "3GB",
            ),
            (
                json!({ "resources": { "gpu-type": "x" } }),
                "resources.gpu-type",
                "nvidia",
            ),
        ] {
            let violation =
                application_violation(body.clone()).unwrap_or_else(|| panic!("{body} is valid"));
            assert!(violation.starts_with(&format!("{field}: ")), "{violation}");
            assert!(
                violation.contains(allowed) && violation.len() < 300,
                "{violation}"
            );
        }
    }

    fn apk_with(field: &str, value: Value) -> Value {
        let mut facts = json!({ "package": "com.example.app" });
        facts[field] = value;
        json!({ "apk": facts })
    }

    #[test]
    fn invalid_version_field_is_reported_with_its_allowed_form() {
        let service = |port: u16, end: u16| json!({ "name": "a", "port": port, "port_end": end });
        for (body, field, allowed) in [
            (
                json!({ "manifest_version": "1".repeat(51) }),
                "manifest_version",
                "at most 50",
            ),
            (
                json!({ "boot_activity": "a b" }),
                "boot_activity",
                "an activity",
            ),
            (
                json!({ "required_permissions": ["*", "a.b"] }),
                "required_permissions[0]",
                "*",
            ),
            (
                json!({ "watchdog": { "allowed-packages": ["x"] } }),
                "watchdog.allowed-packages[0]",
                "a package",
            ),
            (
                json!({ "services": [service(0, 1)] }),
                "services[0].port",
                "1 to 65535",
            ),
            (
                json!({ "services": [service(9, 8)] }),
                "services[0].port_end",
                "9 to 65535",
            ),
            (
                json!({ "services": [service(1, 1), service(2, 2)] }),
                "services[1].name",
                "no other",
            ),
            (
                json!({ "extra_data": { "x": { "target": "/etc" } } }),
                "extra_data.x.target",
                "/data/app/",
            ),
            (
                json!({ "hooks": { "timeout": "16m" } }),
                "hooks.timeout",
                "15m or less",
            ),
            (
                json!({ "bootstrap": { "keep": ["/etc"] } }),
                "bootstrap.keep[0]",
                "glob",
            ),
            (json!({ "features": [" "] }), "features[0]", "1 to 250"),
            (
                json!({ "extra_data": { "../x": { "target": "/data/app/x" } } }),
                "extra_data",
                "a path below extra-data",
            ),
            (
                json!({ "extra_data": { "a\nb": { "target": "/data/app/x" } } }),
                "extra_data",
                "a path below extra-data",
            ),
            (
                apk_with("package", json!("x\u{1b}[2J")),
                "apk.package",
                "package",
            ),
            (
                apk_with("version_name", json!("1\n2")),
                "apk.version_name",
                "one line",
            ),
            (
                apk_with("version_code", json!("-1")),
                "apk.version_code",
                "a number",
            ),
            (apk_with("abis", json!(["z80"])), "apk.abis[0]", "x86_64"),
            (apk_with("signer", json!("me")), "apk.signer", "a SHA-256"),
        ] {
            let violation =
                version_violation(body.clone()).unwrap_or_else(|| panic!("{body} is valid"));
            assert!(violation.starts_with(&format!("{field}: ")), "{violation}");
            assert!(violation.contains(allowed), "{violation}");
        }
    }
}
