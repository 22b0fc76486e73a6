use serde::{Deserialize, Serialize};

use super::{ListenAddress, Span};

/// How the registry is reached: section `http`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpConfig {
    /// The address to listen on, such as `10.0.0.5:3000`. Default: port 3000 of every address.
    pub addr: ListenAddress,
    /// How long open requests may go on once the service is told to stop.
    pub drain: Span,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            addr: ListenAddress::default(),
            drain: Span::seconds(30),
        }
    }
}
