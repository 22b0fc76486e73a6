use std::{collections::BTreeMap, fmt, time::Duration};

use aar_sync::SyncMode;
use aar_tls::ProxySettings;
use aar_types::Fingerprint;
use ams_api::config_items as names;
use url::Url;

use super::items;

/// The values of all items at one moment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Configuration(BTreeMap<&'static str, String>);

/// What the registry agent is told by the configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryTarget {
    /// Where the registry is.
    pub url: Option<Url>,
    /// The certificate it is to show.
    pub fingerprint: Option<Fingerprint>,
    /// What the agent does by itself.
    pub mode: SyncMode,
    /// How long it rests between two rounds.
    pub interval: Duration,
    /// The tags to pull; empty for everything.
    pub filter: Vec<String>,
    /// Through which proxy the registry is reached.
    pub proxy: ProxySettings,
}

/// Only the names: among the values are secrets.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Without the proxies, which may have passwords.
impl fmt::Debug for RegistryTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryTarget")
            .field("url", &self.url.as_ref().map(Url::as_str))
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl Configuration {
    /// The value of an item, in the form in which it is kept; its default where none is set.
    pub fn get(&self, name: &str) -> &str {
        let default = || items::find(name).map_or("", |item| item.default);
        self.0.get(name).map_or_else(default, String::as_str)
    }

    /// The addons that every application uses beside its own.
    pub fn addons(&self) -> Vec<String> {
        items::list(self.get(names::APPLICATION_ADDONS))
    }

    /// Whether a new version is published once it is ready.
    pub fn auto_publish(&self) -> bool {
        self.get(names::APPLICATION_AUTO_PUBLISH) == "true"
    }

    /// How many published versions of an application made here are kept.
    pub fn max_published_versions(&self) -> u32 {
        self.count(names::APPLICATION_MAX_PUBLISHED_VERSIONS)
    }

    /// The Android ABI of applications that run on any; empty for none.
    pub fn default_abi(&self) -> &str {
        self.get(names::APPLICATION_DEFAULT_ABI)
    }

    /// How many requests a second are answered.
    pub fn max_requests_per_second(&self) -> u32 {
        self.count(names::CORE_MAX_REQUESTS_PER_SECOND)
    }

    /// The registry, and what is to be done with it.
    pub fn registry(&self) -> RegistryTarget {
        RegistryTarget {
            url: self.get(names::REGISTRY_URL).parse().ok(),
            fingerprint: self.get(names::REGISTRY_FINGERPRINT).parse().ok(),
            mode: self.mode(),
            interval: items::duration(self.get(names::REGISTRY_UPDATE_INTERVAL))
                .unwrap_or(Duration::from_hours(1)),
            filter: items::list(self.get(names::REGISTRY_FILTER)),
            proxy: self.proxy(),
        }
    }

    fn mode(&self) -> SyncMode {
        match self.get(names::REGISTRY_MODE) {
            "push" => SyncMode::Push,
            "manual" => SyncMode::Manual,
            _ => SyncMode::Pull,
        }
    }

    fn proxy(&self) -> ProxySettings {
        ProxySettings {
            http: self.get(names::CORE_PROXY_HTTP).parse().ok(),
            https: self.get(names::CORE_PROXY_HTTPS).parse().ok(),
            ignore_hosts: self.get(names::CORE_PROXY_IGNORE_HOSTS).to_owned(),
        }
    }

    fn count(&self, name: &str) -> u32 {
        self.get(name).parse().unwrap_or(u32::MAX)
    }

    pub(super) fn put(&mut self, name: &'static str, value: String) {
        self.0.insert(name, value);
    }

    pub(super) fn set(&mut self, name: &'static str, value: Option<&str>) {
        match value {
            Some(value) => self.put(name, value.to_owned()),
            None => drop(self.0.remove(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_of_a_configuration_has_no_secrets() {
        let mut configuration = Configuration::default();
        let proxy = "http://user:secret@proxy:3128";
        configuration.put(names::CORE_PROXY_HTTPS, proxy.to_owned());
        let target = configuration.registry();
        assert_eq!(
            target.proxy.https.as_ref().unwrap().password(),
            Some("secret")
        );
        let printed = format!("{configuration:?} {target:?}");
        assert!(!printed.contains("secret"), "{printed}");
    }
}
