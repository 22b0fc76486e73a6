use std::{collections::BTreeMap, fmt, time::Duration};

use aar_client::ProxySettings;
use aar_sync::SyncMode;
use aar_types::Fingerprint;
use ams_api::config_items as names;
use url::Url;

use super::{
    items,
    value_type::{duration, parse_list},
};

/// The values of all items at one moment. Items that are not set have their defaults.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConfigValues(BTreeMap<String, String>);

#[derive(Clone, PartialEq, Eq)]
pub struct RegistryTarget {
    pub url: Option<Url>,
    /// Of the certificate of the registry.
    pub fingerprint: Option<Fingerprint>,
    pub mode: SyncMode,
    /// Between two scheduled rounds.
    pub interval: Duration,
    /// The tags to pull; empty for all applications.
    pub filter: Vec<String>,
    /// Whether downloads may be redirected to plain HTTP.
    pub insecure_redirects: bool,
    pub proxy: ProxySettings,
}

/// Omits the values, some of which are secrets.
impl fmt::Debug for ConfigValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Omits the proxies, whose URLs may contain passwords.
impl fmt::Debug for RegistryTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryTarget")
            .field("url", &self.url.as_ref().map(Url::as_str))
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl ConfigValues {
    /// The value of an item in its stored form.
    pub fn get(&self, name: &str) -> &str {
        let default = || items::find(name).map_or("", |item| item.default);
        self.0.get(name).map_or_else(default, String::as_str)
    }

    /// The addons that every application uses in addition to its own.
    pub fn addons(&self) -> Vec<String> {
        parse_list(self.get(names::APPLICATION_ADDONS))
    }

    /// Whether a new version is published when it is ready.
    pub fn auto_publish(&self) -> bool {
        self.get(names::APPLICATION_AUTO_PUBLISH) == "true"
    }

    /// The most published versions of an application that was created here.
    pub fn max_published_versions(&self) -> u32 {
        self.count(names::APPLICATION_MAX_PUBLISHED_VERSIONS)
    }

    /// The ABI of applications that do not depend on one; empty for none.
    pub fn default_abi(&self) -> &str {
        self.get(names::APPLICATION_DEFAULT_ABI)
    }

    pub fn max_requests_per_second(&self) -> u32 {
        self.count(names::CORE_MAX_REQUESTS_PER_SECOND)
    }

    pub fn registry(&self) -> RegistryTarget {
        RegistryTarget {
            url: self.get(names::REGISTRY_URL).parse().ok(),
            fingerprint: self.get(names::REGISTRY_FINGERPRINT).parse().ok(),
            mode: self.mode(),
            interval: duration(self.get(names::REGISTRY_UPDATE_INTERVAL))
                .unwrap_or(Duration::from_hours(1)),
            filter: parse_list(self.get(names::REGISTRY_FILTER)),
            insecure_redirects: self.get(names::REGISTRY_INSECURE_REDIRECTS) == "true",
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

    /// The items for running instances that are set.
    pub(super) fn without_effect(&self) -> impl Iterator<Item = (&str, &str)> {
        let items = self.0.iter().map(|(name, value)| (&**name, &**value));
        items.filter(|(name, _)| names::is_without_effect(name))
    }

    pub(super) fn set(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => drop(self.0.insert(name.to_owned(), value.to_owned())),
            None => drop(self.0.remove(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_the_configuration_has_no_secrets() {
        let mut values = ConfigValues::default();
        let proxy = "http://user:secret@proxy:3128";
        values.set(names::CORE_PROXY_HTTPS, Some(proxy));
        let target = values.registry();
        assert_eq!(
            target.proxy.https.as_ref().unwrap().password(),
            Some("secret")
        );
        let printed = format!("{values:?} {target:?}");
        assert!(!printed.contains("secret"), "{printed}");
    }
}
