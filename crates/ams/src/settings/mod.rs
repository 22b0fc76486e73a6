//! The settings file `server/settings.yaml`, which AMS reads at its start.
//!
//! A file that the charm writes is accepted as it is. An unknown key is refused with its file and
//! line. Templates write every key, with an empty string for unset ones, so an empty string means
//! that an optional value is absent. Items that change while AMS runs are configuration items.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use aar_daemon::{
    ConfigError, LoggerConfig,
    config_file::{self, CertificateFiles},
};
use aar_tls::Identity;
use aar_types::Architecture;
use serde::Deserialize;

use crate::socket_group::SocketGroup;

mod read;

const DEFAULT_PORT: u16 = 8444;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// The address of the API. A host name is resolved at the start.
    #[serde(deserialize_with = "read::listen_address")]
    pub listen_address: SocketAddr,
    pub logger: LoggerConfig,
    pub store: StoreSettings,
    pub artifacts: ArtifactSettings,
    pub metrics: MetricsSettings,
    /// The architecture of the applications; by default that of the machine.
    pub architecture: Option<Architecture>,
    /// Users that may use the local socket, in addition to root and the user of AMS.
    #[serde(alias = "allowed_uids")]
    pub allowed_uids: Vec<u32>,
    /// The group whose members may use the local socket; by default `ams`, if it exists.
    #[serde(deserialize_with = "read::socket_group")]
    pub socket_group: Option<SocketGroup>,
    #[serde(deserialize_with = "read::backend")]
    pub backend: BackendSettings,
}

/// The database, which is SQLite. Settings for etcd are accepted with a warning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "read::StoreSection")]
pub struct StoreSettings {
    /// The database file, relative to the base folder.
    pub data: Option<PathBuf>,
    /// The driver in the file, if it is not SQLite.
    etcd: Option<String>,
}

/// Settings for running instances, which this AMS does not do. Other keys of the section are accepted
/// without effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct BackendSettings {
    /// Whether clients of the API may use TLS 1.2.
    #[serde(deserialize_with = "read::flag", alias = "force_tls12")]
    pub force_tls12: bool,
}

/// The storage of images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct ArtifactSettings {
    pub provider: ArtifactProvider,
    /// The folder, relative to the base folder.
    pub path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactProvider {
    #[default]
    #[serde(alias = "fs", alias = "local")]
    Filesystem,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct MetricsSettings {
    pub prometheus: PrometheusSettings,
}

#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct PrometheusSettings {
    /// Without an address, metrics are not served.
    #[serde(deserialize_with = "read::optional_address")]
    pub listen_address: Option<SocketAddr>,
    /// Without a user, metrics are served without authentication.
    #[serde(deserialize_with = "config_file::optional_text")]
    pub username: Option<String>,
    #[serde(deserialize_with = "config_file::optional_text")]
    pub password: Option<String>,
    /// Added to every sample.
    #[serde(deserialize_with = "config_file::extra_labels::<read::AmsLabels, _>")]
    pub extra_labels: BTreeMap<String, String>,
    /// Without a certificate, metrics are served over plain HTTP.
    #[serde(deserialize_with = "config_file::optional_certificate")]
    pub tls: Option<CertificateFiles>,
}

impl Settings {
    /// Reads the settings file. Without one, all settings have their defaults.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Ok(config_file::load(path)?.unwrap_or_default())
    }

    /// Warnings about settings that have another meaning here than in the vendor's AMS.
    pub fn warnings(&self) -> Vec<String> {
        let etcd = self.store.etcd.as_ref().map(|driver| {
            format!(
                "store.driver {driver}: AMS keeps its data in SQLite instead and takes over nothing from \
                 etcd: create the applications again, set the configuration items and add the \
                 certificates"
            )
        });
        let tls = self.backend.force_tls12.then(|| {
            "backend.force-tls12: clients of the API may use TLS 1.2, besides TLS 1.3".to_owned()
        });
        etcd.into_iter().chain(tls).collect()
    }

    pub fn architecture(&self) -> Result<Architecture, crate::Error> {
        let architecture = self.architecture.or_else(Architecture::of_this_machine);
        architecture.ok_or_else(|| {
            crate::Error::Setting(format!(
                "the architecture {} of this machine is not supported: set `architecture` in the \
                 settings file",
                std::env::consts::ARCH
            ))
        })
    }

    pub(crate) fn database(&self, base: &Path) -> PathBuf {
        let default = || PathBuf::from("server/ams.db");
        base.join(self.store.data.clone().unwrap_or_else(default))
    }

    /// The folder of images and of the staging folder.
    pub(crate) fn artifacts(&self, base: &Path) -> PathBuf {
        let default = || PathBuf::from("data/artifacts");
        base.join(self.artifacts.path.clone().unwrap_or_else(default))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen_address: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DEFAULT_PORT),
            logger: LoggerConfig::default(),
            store: StoreSettings::default(),
            artifacts: ArtifactSettings::default(),
            metrics: MetricsSettings::default(),
            architecture: None,
            allowed_uids: Vec::new(),
            socket_group: None,
            backend: BackendSettings::default(),
        }
    }
}

impl PrometheusSettings {
    /// The certificate of the metrics listener, if metrics are served over TLS.
    pub fn identity(&self) -> Result<Option<Identity>, crate::Error> {
        let load = |tls: &CertificateFiles| Identity::load(&tls.cert, &tls.key);
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

#[cfg(test)]
mod tests {
    use aar_types::error_chain;

    use super::*;

    fn read(text: &str) -> Result<Settings, ConfigError> {
        config_file::parse(Path::new("settings.yaml"), text)
    }

    fn refusal(text: &str) -> String {
        error_chain(&read(text).unwrap_err())
    }

    #[test]
    fn missing_file_means_default_settings() {
        let settings = Settings::load(Path::new("no/such/settings.yaml")).unwrap();
        assert_eq!(settings.listen_address.to_string(), "0.0.0.0:8444");
        let base = Path::new("/base");
        assert_eq!(settings.database(base), Path::new("/base/server/ams.db"));
        assert_eq!(settings.artifacts(base), Path::new("/base/data/artifacts"));
    }

    #[test]
    fn sections_written_by_the_charm_are_accepted() {
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
    fn etcd_settings_mean_sqlite_with_a_warning() {
        for (driver, text) in [
            (
                "embedded-etcd",
                "store:\n  driver: embedded-etcd\n  data: /var/snap/ams/common/etcd-data\n",
            ),
            (
                "etcd",
                "store:\n  driver: etcd\n  data:\n    servers: [\"https://10.0.0.1:2379\"]\n",
            ),
            (
                "etcd",
                "store:\n  data:\n    servers: [\"https://10.0.0.1:2379\"]\n  driver: etcd\n",
            ),
            (
                "etcd",
                "store:\n  data:\n    servers: [\"https://10.0.0.1:2379\"]\n",
            ),
        ] {
            let settings = read(text).unwrap();
            let base = Path::new("/base");
            assert_eq!(settings.database(base), Path::new("/base/server/ams.db"));
            let warnings = settings.warnings();
            let expected = format!("store.driver {driver}: ");
            assert!(warnings[0].starts_with(&expected), "{warnings:?}");
        }
        for text in [
            "store: {driver: sqlite, data: a.db}\n",
            "store: {driver: '', data: ''}\n",
            "store: {}\n",
        ] {
            assert_eq!(read(text).unwrap().warnings(), [""; 0], "{text}");
        }
    }

    #[test]
    fn servers_for_sqlite_and_an_unknown_driver_are_refused() {
        for text in [
            "store:\n  driver: sqlite\n  data: {servers: [\"https://10.0.0.1:2379\"]}\n",
            "store:\n  driver: postgres\n",
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains("driver: sqlite"), "{refusal}");
            assert!(refusal.contains("settings.yaml"), "{refusal}");
        }
    }

    #[test]
    fn tls_1_2_is_allowed_on_request_only_and_never_without_a_warning() {
        for (text, allowed) in [
            ("backend:\n  force-tls12: true\n", true),
            ("backend:\n  force-tls12: True\n  port-range: 1-2\n", true),
            ("backend:\n  force-tls12: 'true'\n", true),
            ("backend:\n  force-tls12: ''\n", false),
            ("backend:\n  force-tls12: false\n", false),
            ("backend:\n", false),
            ("", false),
        ] {
            let settings = read(text).unwrap();
            assert_eq!(settings.backend.force_tls12, allowed, "{text}");
            assert_eq!(settings.warnings().len(), usize::from(allowed), "{text}");
        }
        let refusal = refusal("backend:\n  force-tls12: maybe\n");
        assert!(refusal.contains("force-tls12"), "{refusal}");
    }

    #[test]
    fn empty_string_means_unset() {
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
    fn reserved_label_is_refused_with_its_line() {
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
    fn host_name_is_resolved_to_its_address() {
        let listen = |address: &str| read(&format!("listen-address: {address}\n"));
        let settings = listen("localhost:8444").unwrap();
        assert_eq!(settings.listen_address.to_string(), "127.0.0.1:8444");
        for bad in ["no..name:8444", "localhost", "localhost:x", "''"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn unknown_key_is_refused_with_its_line() {
        let refusal = refusal("listen-address: :8444\nlistten: x\n");
        for part in ["settings.yaml", "2", "listten"] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }

    #[test]
    fn debug_output_has_no_secrets() {
        let settings = read("metrics: {prometheus: {username: u, password: pa55}}").unwrap();
        assert!(!format!("{settings:?}").contains("pa55"));
    }
}
