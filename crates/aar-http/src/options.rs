use std::{path::PathBuf, time::Duration};

use aar_tls::{Identity, ServerTrust};
use aar_types::Clock;

use crate::ProxySettings;

/// How an HTTP client connects.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// By what the server is known.
    pub trust: ServerTrust,
    /// The certificate of the client, where it shows one.
    pub identity: Option<Identity>,
    /// The Unix socket to connect to instead of the host of an address.
    pub socket: Option<PathBuf>,
    /// The proxy, where there is one.
    pub proxy: ProxySettings,
    /// The name and version of the program.
    pub user_agent: String,
    /// How long connecting may take, handshake included.
    pub connect_timeout: Duration,
    /// How long the server may be silent before or in the middle of a response.
    pub read_timeout: Option<Duration>,
    /// Whether connections to loopback, link-local and unspecified addresses are refused, except to a
    /// proxy. Behind a proxy, only an address that is given as such can be refused, no name.
    pub refuse_local_addresses: bool,
    /// By what the dates of certificates are checked.
    pub clock: Clock,
}

impl HttpOptions {
    /// Options with the usual time limits, no identity and no proxy.
    pub fn new(trust: ServerTrust, user_agent: impl Into<String>) -> Self {
        Self {
            trust,
            identity: None,
            socket: None,
            proxy: ProxySettings::default(),
            user_agent: user_agent.into(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Some(Duration::from_mins(1)),
            refuse_local_addresses: false,
            clock: Clock::system(),
        }
    }
}
