use std::collections::BTreeMap;

use aar_types::{Auth, null_as_empty};
use serde::{Deserialize, Serialize};

/// What AMS tells anybody who asks: the body of `GET /1.0/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// What this server can do, by the names of [`extensions`](crate::extensions).
    #[serde(default, deserialize_with = "null_as_empty")]
    pub api_extensions: Vec<String>,
    /// How stable the API is.
    #[serde(default)]
    pub api_status: String,
    /// The version of the API.
    #[serde(default)]
    pub api_version: String,
    /// Whether the caller is trusted.
    pub auth: Auth,
    /// The ways in which callers show who they are.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub auth_methods: Vec<String>,
    /// What can be allowed, by kind of resource.
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
    /// Whether this server can do what the extension stands for.
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
