use std::{collections::BTreeMap, path::Path};

use aar_daemon::{
    config_file::{CertificateFiles, OwnLabels, extra_labels, optional_certificate, optional_text},
    operations::BasicCredentials,
};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{ListenAddress, Secret};

/// The section `operations`: the listener for metrics and probes. An empty string means that a value is not
/// set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct OperationsConfig {
    /// The address to listen on. Without one, there is no listener.
    #[serde(
        deserialize_with = "optional_address",
        skip_serializing_if = "Option::is_none"
    )]
    pub listen_address: Option<ListenAddress>,
    /// Without user and password, access to the metrics is open.
    #[serde(
        deserialize_with = "optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub username: Option<String>,
    #[serde(
        deserialize_with = "optional_secret",
        skip_serializing_if = "Option::is_none"
    )]
    pub password: Option<Secret>,
    /// Without a certificate, the listener speaks plain HTTP.
    #[serde(
        deserialize_with = "optional_certificate",
        skip_serializing_if = "Option::is_none"
    )]
    pub tls: Option<CertificateFiles>,
    /// Added to every sample.
    #[serde(
        deserialize_with = "extra_labels::<AarLabels, _>",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub extra_labels: BTreeMap<String, String>,
}

/// The labels of the metrics of the registry.
struct AarLabels;

impl OwnLabels for AarLabels {
    const PROGRAM: &'static str = "aar";
    const NAMES: &'static [&'static str] = &[
        "code",
        "fingerprint",
        "handler",
        "kind",
        "le",
        "method",
        "name",
        "outcome",
        "reason",
        "role",
        "state",
    ];
}

impl OperationsConfig {
    pub(super) fn resolve(&mut self, base: &Path) {
        if let Some(files) = &mut self.tls {
            files.cert = base.join(&files.cert);
            files.key = base.join(&files.key);
        }
    }

    /// The credentials that the metrics require; `None` if access is open.
    pub(crate) fn credentials(&self) -> Option<BasicCredentials> {
        let password = self.password.as_ref().map(Secret::expose);
        BasicCredentials::new(self.username.as_deref(), password)
    }
}

fn optional_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ListenAddress>, D::Error> {
    let text = optional_text(deserializer)?;
    let address = text.map(|text| text.parse());
    address.transpose().map_err(de::Error::custom)
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(optional_text(deserializer)?.map(Secret::new))
}
