use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The configuration: the body of `GET /1.0/config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceConfig {
    /// The items by name. Numbers and truth values stand as such.
    pub config: BTreeMap<String, Value>,
}

/// The request that sets a configuration item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigPost {
    /// Its name, one of [`config_items`](crate::config_items).
    pub name: String,
    /// Its value as text; empty for its default.
    #[serde(default)]
    pub value: String,
}
