use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The section `database`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct DatabaseConfig {
    /// The SQLite file.
    pub path: PathBuf,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        let path = PathBuf::from("registry.sqlite");
        Self { path }
    }
}
