//! Names of the configuration items.

/// The first words of items for running instances. AMS keeps such items for hooks that set them; they
/// have no effect.
pub const WITHOUT_EFFECT: &[&str] = &[
    "agent",
    "container",
    "cpu",
    "gpu",
    "images",
    "instance",
    "node",
    "scheduler",
];

/// Whether an item is for running instances, such as `instance.features`.
pub fn is_without_effect(name: &str) -> bool {
    let group = name.split_once('.').map(|(group, _)| group);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    group.is_some_and(|group| WITHOUT_EFFECT.contains(&group))
        && name.len() <= 100
        && name.bytes().all(is_plain)
        && name.split('.').all(|word| !word.is_empty())
}

/// Addons that every application uses, separated by commas.
pub const APPLICATION_ADDONS: &str = "application.addons";
/// Whether to publish a new version when it is ready.
pub const APPLICATION_AUTO_PUBLISH: &str = "application.auto_publish";
/// Whether to update applications when their dependencies change; no effect in this AMS.
pub const APPLICATION_AUTO_UPDATE: &str = "application.auto_update";
/// The Android ABI of applications that do not declare one.
pub const APPLICATION_DEFAULT_ABI: &str = "application.default_abi";
/// The number of published versions to keep for each application.
pub const APPLICATION_MAX_PUBLISHED_VERSIONS: &str = "application.max_published_versions";
/// The address of the debugging endpoint; no effect in this AMS.
pub const CORE_DEBUG_ADDRESS: &str = "core.debug_address";
/// The address that AMS listens on; read only.
pub const CORE_HTTPS_ADDRESS: &str = "core.https_address";
/// The rate limit, in requests per second.
pub const CORE_MAX_REQUESTS_PER_SECOND: &str = "core.max_requests_per_second";
/// The proxy for HTTP.
pub const CORE_PROXY_HTTP: &str = "core.proxy_http";
/// The proxy for HTTPS.
pub const CORE_PROXY_HTTPS: &str = "core.proxy_https";
/// Hosts to connect to without a proxy, separated by commas.
pub const CORE_PROXY_IGNORE_HOSTS: &str = "core.proxy_ignore_hosts";
/// The password with which new clients add their own certificate. Reads return only whether it is set.
pub const CORE_TRUST_PASSWORD: &str = "core.trust_password";
/// The load balancer in front of AMS; no effect in this AMS.
pub const LOAD_BALANCER_URL: &str = "load_balancer.url";
/// Tags of the applications to pull, separated by commas; empty for all.
pub const REGISTRY_FILTER: &str = "registry.filter";
/// The fingerprint of the certificate that the registry must show.
pub const REGISTRY_FINGERPRINT: &str = "registry.fingerprint";
/// Whether images are downloaded over plain HTTP where the registry redirects to it.
pub const REGISTRY_INSECURE_REDIRECTS: &str = "registry.insecure_redirects";
/// `pull`, `push` or `manual`.
pub const REGISTRY_MODE: &str = "registry.mode";
/// The interval of comparisons with the registry, such as `1h30m`.
pub const REGISTRY_UPDATE_INTERVAL: &str = "registry.update_interval";
/// The address of the registry.
pub const REGISTRY_URL: &str = "registry.url";
