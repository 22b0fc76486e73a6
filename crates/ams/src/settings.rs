//! `server/settings.yaml`: what is decided before AMS starts.
//!
//! A file as the charm writes it is accepted unchanged; a key that nobody knows is refused with its
//! file and line. Templates write every key, and an empty text for what is not set: optional values
//! are read so. What can change while AMS runs is in [`config`](crate::config) instead.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use aar_daemon::{ConfigError, LoggerConfig, config_file};
use aar_tls::Identity;
use aar_types::Architecture;
use serde::Deserialize;

mod read;

/// The port of the API where none is given.
const PORT: u16 = 8444;

/// The settings of AMS.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Where the API is served. The address of a host name is looked up at the start.
    #[serde(deserialize_with = "read::listen_address")]
    pub listen_address: SocketAddr,
    /// What is logged, and how.
    pub logger: LoggerConfig,
    /// Where AMS keeps what it remembers.
    pub store: StoreSettings,
    /// Where AMS keeps images.
    pub artifacts: ArtifactSettings,
    /// What is measured, and where it is served.
    pub metrics: MetricsSettings,
    /// The architecture whose applications are made and pulled here. That of the machine where it
    /// is not given.
    pub architecture: Option<Architecture>,
    /// The users beside root and AMS's own who may use the local socket.
    #[serde(alias = "allowed_uids")]
    pub allowed_uids: Vec<u32>,
    /// Settings of the part that runs instances, which is not in here. Accepted so that a file of
    /// the charm is; it has no effect.
    #[serde(deserialize_with = "read::ignored")]
    pub backend: (),
}

/// Where AMS keeps what it remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct StoreSettings {
    /// How it is kept.
    pub driver: StoreDriver,
    /// The file of the database. Relative to the base folder; its place there where not given.
    #[serde(deserialize_with = "read::store_data")]
    pub data: Option<PathBuf>,
}

/// How AMS keeps what it remembers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StoreDriver {
    /// In a file, with `SQLite`.
    #[default]
    Sqlite,
}

/// Where AMS keeps images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct ArtifactSettings {
    /// How they are kept.
    pub provider: ArtifactProvider,
    /// The folder. Relative to the base folder; its place there where not given.
    pub path: Option<PathBuf>,
}

/// How AMS keeps images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactProvider {
    /// In a folder.
    #[default]
    #[serde(alias = "fs", alias = "local")]
    Filesystem,
}

/// What is measured, and where it is served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct MetricsSettings {
    /// For Prometheus.
    pub prometheus: PrometheusSettings,
}

/// How measurements are served to Prometheus.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct PrometheusSettings {
    /// Where; not at all where it is not given.
    #[serde(deserialize_with = "read::some_address")]
    pub listen_address: Option<SocketAddr>,
    /// The user who may read them; anybody where none is given.
    #[serde(deserialize_with = "read::some_text")]
    pub username: Option<String>,
    /// The password of that user.
    #[serde(deserialize_with = "read::some_text")]
    pub password: Option<String>,
    /// Labels that every measurement carries.
    #[serde(deserialize_with = "read::labels")]
    pub extra_labels: BTreeMap<String, String>,
    /// The certificate to serve them with; without one they are served in the clear.
    #[serde(deserialize_with = "read::some_certificate")]
    pub tls: Option<MetricsTls>,
}

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MetricsTls {
    /// The certificate: a file.
    pub cert: PathBuf,
    /// Its key: a file.
    pub key: PathBuf,
}

impl Settings {
    /// Reads the settings file; where there is none, everything has its default.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Ok(config_file::load(path)?.unwrap_or_default())
    }

    /// The architecture whose applications are made and pulled here.
    pub fn architecture(&self) -> Result<Architecture, crate::Error> {
        let given = self.architecture.or_else(Architecture::of_this_machine);
        given.ok_or_else(|| {
            crate::Error::Setting(format!(
                "the architecture {} of this machine is not known: set `architecture` in the \
                 settings file",
                std::env::consts::ARCH
            ))
        })
    }

    /// The file of the database.
    pub(crate) fn database(&self, base: &Path) -> PathBuf {
        let own = || PathBuf::from("server/ams.db");
        base.join(self.store.data.clone().unwrap_or_else(own))
    }

    /// The folder of images and of what is on its way to become one.
    pub(crate) fn artifacts(&self, base: &Path) -> PathBuf {
        let own = || PathBuf::from("data/artifacts");
        base.join(self.artifacts.path.clone().unwrap_or_else(own))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen_address: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT),
            logger: LoggerConfig::default(),
            store: StoreSettings::default(),
            artifacts: ArtifactSettings::default(),
            metrics: MetricsSettings::default(),
            architecture: None,
            allowed_uids: Vec::new(),
            backend: (),
        }
    }
}

impl PrometheusSettings {
    /// The certificate and key that measurements are served with, if they are.
    pub fn identity(&self) -> Result<Option<Identity>, crate::Error> {
        let load = |tls: &MetricsTls| Identity::load(&tls.cert, &tls.key);
        let tls = self.tls.as_ref().filter(|_| self.listen_address.is_some());
        Ok(tls.map(load).transpose()?)
    }
}

impl std::fmt::Debug for PrometheusSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrometheusSettings")
            .field("listen_address", &self.listen_address)
            .field("extra_labels", &self.extra_labels)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MetricsTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsTls")
            .field("cert", &self.cert)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, ConfigError> {
        config_file::parse(Path::new("settings.yaml"), text)
    }

    fn refusal(text: &str) -> String {
        crate::error::chain(&read(text).unwrap_err())
    }

    #[test]
    fn without_a_file_everything_has_its_default() {
        let settings = Settings::load(Path::new("no/such/settings.yaml")).unwrap();
        assert_eq!(settings.listen_address.to_string(), "0.0.0.0:8444");
        let base = Path::new("/base");
        assert_eq!(settings.database(base), Path::new("/base/server/ams.db"));
        assert_eq!(settings.artifacts(base), Path::new("/base/data/artifacts"));
    }

    #[test]
    fn the_sections_that_the_charm_writes_are_accepted() {
        let settings = read(concat!(
            "listen-address: 10.0.0.5:8444\n",
            "logger:\n  level: debug\n",
            "artifacts:\n  provider: filesystem\n  path: /data/artifacts\n",
            "backend:\n  port-range: 10000-11000\n  force-tls12: true\n",
            "metrics:\n  prometheus:\n    listen-address: :9104\n",
            "    extra-labels:\n      \"juju_unit\": \"ams/0\"\n",
        ));
        let settings = settings.unwrap();
        let prometheus = settings.metrics.prometheus;
        assert_eq!(
            prometheus.listen_address.unwrap().to_string(),
            "0.0.0.0:9104"
        );
        assert_eq!(prometheus.extra_labels["juju_unit"], "ams/0");
    }

    #[test]
    fn an_etcd_driver_is_answered_with_what_to_use_instead() {
        for text in [
            "store:\n  driver: embedded-etcd\n  data: /var/snap/ams/common/etcd-data\n",
            "store:\n  driver: etcd\n  data:\n    servers: [\"https://10.0.0.1:2379\"]\n",
            "store:\n  data:\n    servers: [\"https://10.0.0.1:2379\"]\n  driver: etcd\n",
            "store:\n  data:\n    servers: [\"https://10.0.0.1:2379\"]\n",
            "store:\n  driver: sqlite\n  data: {servers: [\"https://10.0.0.1:2379\"]}\n",
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains("driver: sqlite"), "{refusal}");
            assert!(refusal.contains("settings.yaml"), "{refusal}");
        }
    }

    #[test]
    fn an_empty_text_stands_for_what_is_not_set() {
        let settings = read(concat!(
            "metrics:\n  prometheus:\n    listen-address: ''\n    username: ''\n",
            "    password: ''\n    tls:\n      cert: ''\n      key: ''\n",
        ));
        let prometheus = settings.unwrap().metrics.prometheus;
        assert!(prometheus == PrometheusSettings::default());
        let half = refusal("metrics:\n  prometheus:\n    tls: {cert: a.crt, key: ''}\n");
        for part in [
            "settings.yaml:3",
            "metrics.prometheus.tls",
            "both or neither",
        ] {
            assert!(half.contains(part), "{half}");
        }
    }

    #[test]
    fn a_label_that_prometheus_or_ams_has_other_uses_for_is_refused_with_its_place() {
        for bad in ["juju-unit", "0", "''", "__name__", "handler", "le"] {
            let text = format!(
                "metrics:\n  prometheus:\n    extra-labels:\n      good: x\n      {bad}: x\n"
            );
            let refusal = refusal(&text);
            let bad = bad.trim_matches('\'');
            for part in ["settings.yaml:5", "metrics.prometheus.extra-labels", bad] {
                assert!(refusal.contains(part), "{refusal}");
            }
        }
    }

    #[test]
    fn a_host_name_is_listened_on_at_its_address() {
        let listen = |address: &str| read(&format!("listen-address: {address}\n"));
        let settings = listen("localhost:8444").unwrap();
        assert_eq!(settings.listen_address.to_string(), "127.0.0.1:8444");
        for bad in ["no..name:8444", "localhost", "localhost:x", "''"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_that_nobody_knows_is_refused_with_its_place() {
        let refusal = refusal("listen-address: :8444\nlistten: x\n");
        for part in ["settings.yaml", "2", "listten"] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }

    #[test]
    fn secrets_are_not_in_debug_output() {
        let settings = read("metrics: {prometheus: {username: u, password: pa55}}").unwrap();
        assert!(!format!("{settings:?}").contains("pa55"));
    }
}
