use std::collections::BTreeMap;

use aar_types::{Auth, null_as_empty};
use serde::{Deserialize, Serialize};

/// Public facts about AMS: the body of `GET /1.0/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The API extensions of this server, by the names in [`extensions`](crate::extensions).
    #[serde(default, deserialize_with = "null_as_empty")]
    pub api_extensions: Vec<String>,
    /// The stability of the API, such as `stable`.
    #[serde(default)]
    pub api_status: String,
    /// The version of the API.
    #[serde(default)]
    pub api_version: String,
    /// Whether the caller is trusted.
    pub auth: Auth,
    /// The authentication methods, such as `2waySSL`.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub auth_methods: Vec<String>,
    /// The permissions that exist, by kind of resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub auth_permissions: BTreeMap<String, Vec<BTreeMap<String, String>>>,
    /// The id of the subcluster.
    #[serde(default)]
    pub cluster_id: String,
    /// The name of the subcluster.
    #[serde(default)]
    pub cluster_name: String,
}

impl ServiceStatus {
    /// Whether this server has an API extension.
    pub fn has_extension(&self, name: &str) -> bool {
        self.api_extensions
            .iter()
            .any(|extension| extension == name)
    }
}

/// The version of the program: the body of `GET /1.0/version`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VersionResponse {
    /// The version.
    pub version: String,
}
