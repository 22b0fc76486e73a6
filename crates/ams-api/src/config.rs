use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The configuration: the body of `GET /1.0/config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceConfig {
    /// The items by name. Numbers and booleans have their own JSON types.
    pub config: BTreeMap<String, Value>,
}

/// The request that sets a configuration item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigPost {
    /// The name, one of [`config_items`](crate::config_items).
    pub name: String,
    /// The value as text; empty for the default.
    #[serde(default)]
    pub value: String,
}
