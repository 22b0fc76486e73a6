//! The client: one method for each thing that AMS can be asked for.
//!
//! Each request has a connection of its own. A command makes a few of them, and a connection that
//! nobody else uses can be dropped to cancel what runs on it.

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
pub use package::Package;

/// Where AMS is, and who it is known to be.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// On this machine, behind a unix socket.
    Socket(PathBuf),
    /// On another machine.
    Remote {
        /// Its address, `https://…`.
        url: Url,
        /// The certificate that it has to show.
        server: Fingerprint,
        /// Who is asking.
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
    /// A client that names itself `user_agent`. Nothing is connected yet.
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

    /// Where AMS is, for people.
    pub fn endpoint(&self) -> &str {
        self.connector.endpoint()
    }
}
