//! The client: one method for each request of the API.

mod applications;
mod call;
mod certificates;
mod config;
mod events;
mod export;
mod operations;
mod package;
mod registry;
mod service;

use std::{path::PathBuf, sync::Arc};

use aar_http::{HttpClient, HttpOptions};
use aar_tls::{Identity, ServerTrust};
use aar_types::{Clock, Fingerprint};
use url::Url;

use crate::Error;
pub use events::EventStream;
pub use export::{Export, Exported};
pub use operations::Watch;
pub use package::PackageBody;

/// The base of addresses on a Unix socket. The host is not used to connect.
const LOCAL_BASE: &str = "http://ams/";

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
    http: HttpClient,
    base: Url,
    endpoint: Arc<str>,
    user_agent: Arc<str>,
    is_local: bool,
}

impl AmsClient {
    /// Creates a client. It connects with the first request.
    pub fn new(endpoint: Endpoint, user_agent: &str, clock: Clock) -> Result<Self, Error> {
        let mut options = HttpOptions::new(ServerTrust::Pinned(Vec::new()), user_agent);
        // Each call sets a time limit, or none.
        options.read_timeout = None;
        options.clock = clock;
        let is_local = matches!(endpoint, Endpoint::Socket(_));
        let (base, endpoint) = match endpoint {
            Endpoint::Socket(path) => {
                let shown = path.display().to_string();
                options.socket = Some(path);
                (LOCAL_BASE.parse().ok(), shown)
            }
            Endpoint::Remote {
                url,
                server,
                identity,
            } => {
                options.trust = ServerTrust::Pinned(vec![server]);
                options.identity = Some(identity);
                let shown = url.to_string();
                (remote_base(url), shown)
            }
        };
        let base = base.ok_or_else(|| Error::Address {
            url: endpoint.clone(),
            reason: "it does not start with https:// and a host",
        })?;
        Ok(Self {
            http: HttpClient::new(options).map_err(Error::Client)?,
            base,
            endpoint: endpoint.into(),
            user_agent: user_agent.into(),
            is_local,
        })
    }

    /// Whether AMS is on this machine.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// The address or socket, for messages.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// The address without path and query.
fn remote_base(mut url: Url) -> Option<Url> {
    url.set_path("/");
    url.set_query(None);
    Some(url).filter(|url| url.scheme() == "https" && url.has_host())
}
