//! The client: one method for each request of the API.

mod applications;
mod call;
mod certificates;
mod config;
mod connector;
mod events;
mod export;
mod operations;
mod package;
mod registry;
mod service;

use std::{path::PathBuf, sync::Arc};

use aar_tls::Identity;
use aar_types::{Clock, Fingerprint};
use url::Url;

use connector::Connector;

use crate::Error;
pub use events::EventStream;
pub use export::{Export, Exported};
pub use operations::Watch;
pub use package::PackageBody;

/// The address of an AMS, and the certificates of both sides.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// The Unix socket of an AMS on this machine.
    Socket(PathBuf),
    /// An AMS on another machine.
    Remote {
        /// The address, `https://…`.
        url: Url,
        /// The certificate that the server must show.
        server: Fingerprint,
        /// The certificate and key of this client.
        identity: Identity,
    },
}

/// A client of one AMS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AmsClient {
    connector: Arc<Connector>,
    user_agent: Arc<str>,
}

impl AmsClient {
    /// Creates a client. It connects with the first request.
    pub fn new(endpoint: Endpoint, user_agent: &str, clock: Clock) -> Result<Self, Error> {
        Ok(Self {
            connector: Arc::new(Connector::new(endpoint, clock)?),
            user_agent: user_agent.into(),
        })
    }

    /// Whether AMS is on this machine.
    pub fn is_local(&self) -> bool {
        self.connector.is_local()
    }

    /// The address or socket, for messages.
    pub fn endpoint(&self) -> &str {
        self.connector.endpoint()
    }
}
