//! Names of the configuration items.

/// Addons that every application uses, separated by commas.
pub const APPLICATION_ADDONS: &str = "application.addons";
/// Whether a new version is published once it is ready.
pub const APPLICATION_AUTO_PUBLISH: &str = "application.auto_publish";
/// Whether applications are updated when what they depend on changes; without effect in this AMS.
pub const APPLICATION_AUTO_UPDATE: &str = "application.auto_update";
/// The Android ABI of applications that do not name one.
pub const APPLICATION_DEFAULT_ABI: &str = "application.default_abi";
/// How many published versions of an application are kept.
pub const APPLICATION_MAX_PUBLISHED_VERSIONS: &str = "application.max_published_versions";
/// Where debugging information is served: nowhere, in this AMS.
pub const CORE_DEBUG_ADDRESS: &str = "core.debug_address";
/// The address that AMS listens on; read only.
pub const CORE_HTTPS_ADDRESS: &str = "core.https_address";
/// How many requests a second are answered.
pub const CORE_MAX_REQUESTS_PER_SECOND: &str = "core.max_requests_per_second";
/// The proxy for HTTP.
pub const CORE_PROXY_HTTP: &str = "core.proxy_http";
/// The proxy for HTTPS.
pub const CORE_PROXY_HTTPS: &str = "core.proxy_https";
/// Hosts that are reached without a proxy, separated by commas.
pub const CORE_PROXY_IGNORE_HOSTS: &str = "core.proxy_ignore_hosts";
/// The password with which new clients enrol themselves. Only told as set or not set.
pub const CORE_TRUST_PASSWORD: &str = "core.trust_password";
/// The load balancer in front of AMS; without effect in this AMS.
pub const LOAD_BALANCER_URL: &str = "load_balancer.url";
/// Tags of the applications to pull, separated by commas; empty for all.
pub const REGISTRY_FILTER: &str = "registry.filter";
/// The fingerprint of the certificate that the registry is to show.
pub const REGISTRY_FINGERPRINT: &str = "registry.fingerprint";
/// `pull`, `push` or `manual`.
pub const REGISTRY_MODE: &str = "registry.mode";
/// How often the registry is looked at, such as `1h30m`.
pub const REGISTRY_UPDATE_INTERVAL: &str = "registry.update_interval";
/// Where the registry is.
pub const REGISTRY_URL: &str = "registry.url";
