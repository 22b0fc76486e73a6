use serde::{Deserialize, Serialize};

use super::{ConfigDuration, ListenAddress};

/// The section `http`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpConfig {
    /// The address to listen on, such as `10.0.0.5:3000`. Default: port 3000 of every address.
    pub addr: ListenAddress,
    /// The time limit for requests in flight when the service stops.
    pub drain: ConfigDuration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            addr: ListenAddress::default(),
            drain: ConfigDuration::seconds(30),
        }
    }
}
