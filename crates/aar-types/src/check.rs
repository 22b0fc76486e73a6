//! Whether what a body declares could stand in a manifest.
//!
//! A publisher holds its manifests to [`rules`]. Whoever takes such declarations from others holds
//! them to the same. Empty values are left out: they stand for the default.

use std::collections::HashSet;

use crate::{
    ApplicationMetadata, ExtraData, NetworkService, Resources, VersionManifest,
    rules::{self, Allowed},
};

/// How much of a value is repeated to whoever sent it.
const SHOWN: usize = 100;

/// A value that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {found:?} is not {allowed}")]
pub struct BrokenRule {
    /// The field, such as `resources.memory` or `tags[1]`.
    pub field: String,
    /// The value, or the beginning of a long one.
    pub found: String,
    /// What would have been accepted.
    pub allowed: String,
}

impl BrokenRule {
    fn new(field: impl Into<String>, found: &str, allowed: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            found: found.chars().take(SHOWN).collect(),
            allowed: allowed.into(),
        }
    }

    fn below(mut self, section: &str) -> Self {
        self.field = format!("{section}.{}", self.field);
        self
    }
}

impl ApplicationMetadata {
    /// Whether a manifest could say so. Tells the first value that breaks a rule.
    pub fn check(&self) -> Result<(), BrokenRule> {
        one("instance_type", &self.instance_type, rules::instance_type)?;
        one("boot_package", &self.boot_package, rules::package)?;
        one("abi", &self.abi, rules::abi)?;
        one("image", &self.image, rules::line)?;
        each("tags", &self.tags, rules::tag)?;
        each("addons", &self.addons, rules::line)?;
        each("node_selector", &self.node_selector, rules::line)?;
        resources(&self.resources).map_err(|broken| broken.below("resources"))
    }
}

fn resources(resources: &Resources) -> Result<(), BrokenRule> {
    let cpus = resources.cpus.map(|cpus| cpus.to_string());
    one("cpus", &cpus.unwrap_or_default(), rules::cpus)?;
    one("memory", &resources.memory, rules::size)?;
    one("disk-size", &resources.disk_size, rules::size)?;
    one("gpu-type", &resources.gpu_type, rules::gpu_type)
}

impl VersionManifest {
    /// Whether a manifest could say so. Tells the first value that breaks a rule.
    ///
    /// Extra data may belong to any package: what is started is the application's to say, and may
    /// have changed since.
    pub fn check(&self) -> Result<(), BrokenRule> {
        one("manifest_version", &self.manifest_version, rules::version)?;
        one("boot_activity", &self.boot_activity, rules::activity)?;
        let permissions = &self.required_permissions;
        each_or_all("required_permissions", permissions, rules::permission)?;
        let packages = &self.watchdog.allowed_packages;
        each_or_all("watchdog.allowed-packages", packages, rules::package)?;
        services(&self.services)?;
        for (name, data) in &self.extra_data {
            extra_data(data).map_err(|broken| broken.below(&format!("extra_data.{name}")))?;
        }
        one("hooks.timeout", &self.hooks.timeout, rules::hook_timeout)?;
        each("bootstrap.keep", &self.bootstrap.keep, rules::keep_pattern)?;
        each("features", &self.features, rules::line)
    }
}

fn services(services: &[NetworkService]) -> Result<(), BrokenRule> {
    let mut names = HashSet::new();
    for (index, one) in services.iter().enumerate() {
        service(one).map_err(|broken| broken.below(&format!("services[{index}]")))?;
        if !names.insert(&one.name) {
            let field = format!("services[{index}].name");
            let allowed = "a name that no other service has";
            return Err(BrokenRule::new(field, &one.name, allowed));
        }
    }
    Ok(())
}

fn service(service: &NetworkService) -> Result<(), BrokenRule> {
    must("name", &service.name, rules::service_name)?;
    must("port", &service.port.to_string(), rules::port)?;
    match service.port_end {
        Some(end) if end < service.port => {
            let allowed = format!("a port ({} to 65535)", service.port);
            Err(BrokenRule::new("port_end", &end.to_string(), allowed))
        }
        _ => Ok(()),
    }
}

fn extra_data(data: &ExtraData) -> Result<(), BrokenRule> {
    rules::target(&data.target, "")
        .map_err(|allowed| BrokenRule::new("target", &data.target, allowed))?;
    one("owner", &data.owner, rules::owner)?;
    one("permissions", &data.permissions, rules::permissions)
}

/// A value that may be left out.
fn one<T>(
    field: &str,
    value: &str,
    rule: impl Fn(&str) -> Result<T, Allowed>,
) -> Result<(), BrokenRule> {
    match value {
        "" => Ok(()),
        value => must(field, value, rule),
    }
}

fn must<T>(
    field: &str,
    value: &str,
    rule: impl Fn(&str) -> Result<T, Allowed>,
) -> Result<(), BrokenRule> {
    rule(value)
        .map(drop)
        .map_err(|allowed| BrokenRule::new(field, value, allowed))
}

fn each<T>(
    field: &str,
    values: &[String],
    rule: impl Fn(&str) -> Result<T, Allowed>,
) -> Result<(), BrokenRule> {
    let mut values = values.iter().enumerate();
    values.try_for_each(|(index, value)| must(&format!("{field}[{index}]"), value, &rule))
}

/// Values among which `*` stands for all, and then stands alone.
fn each_or_all<T>(
    field: &str,
    values: &[String],
    rule: impl Fn(&str) -> Result<T, Allowed>,
) -> Result<(), BrokenRule> {
    match values {
        [all] if all == "*" => Ok(()),
        _ => each(field, values, rule),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of_application(body: Value) -> Option<String> {
        let metadata: ApplicationMetadata = serde_json::from_value(body).unwrap();
        metadata.check().err().map(|broken| broken.to_string())
    }

    fn of_version(body: Value) -> Option<String> {
        let manifest: VersionManifest = serde_json::from_value(body).unwrap();
        manifest.check().err().map(|broken| broken.to_string())
    }

    #[test]
    fn what_says_nothing_breaks_no_rule() {
        assert_eq!(of_application(json!({})), None);
        assert_eq!(of_version(json!({})), None);
    }

    #[test]
    fn what_a_manifest_may_say_of_an_application_is_accepted() {
        let body = json!({
            "instance_type": "a4.3", "boot_package": "com.example.app", "abi": "arm64-v8a",
            "image": "jammy:android13:arm64", "tags": ["created_by=anbox"], "addons": ["ssh"],
            "node_selector": ["gpu"], "resources": {
                "cpus": 2, "memory": "4GB", "disk-size": "8GB", "gpu-slots": 0, "gpu-type": "amd",
            },
        });
        assert_eq!(of_application(body), None);
    }

    #[test]
    fn a_field_of_an_application_that_no_manifest_could_have_is_named_with_what_is_allowed() {
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
            let broken = of_application(body.clone()).unwrap_or_else(|| panic!("{body} passed"));
            assert!(broken.starts_with(&format!("{field}: ")), "{broken}");
            assert!(broken.contains(allowed) && broken.len() < 300, "{broken}");
        }
    }

    #[test]
    fn a_field_of_a_version_that_no_manifest_could_have_is_named_with_what_is_allowed() {
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
        ] {
            let broken = of_version(body.clone()).unwrap_or_else(|| panic!("{body} passed"));
            assert!(broken.starts_with(&format!("{field}: ")), "{broken}");
            assert!(broken.contains(allowed), "{broken}");
        }
    }
}
