use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use aar_tls::{Identity, PinMismatch, ServerTrust, client_config};
use aar_types::{Clock, Fingerprint};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::Endpoint;
use crate::Error;

/// How long a connection may take to come about.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Opens connections to one AMS.
pub(super) struct Connector {
    endpoint: String,
    way: Way,
}

enum Way {
    Socket(PathBuf),
    Tls {
        host: String,
        port: u16,
        name: ServerName<'static>,
        tls: TlsConnector,
    },
}

/// A connection, whatever it runs over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(super) type Connection = Box<dyn Stream>;

impl Connector {
    pub(super) fn is_local(&self) -> bool {
        matches!(self.way, Way::Socket(_))
    }

    pub(super) fn new(endpoint: Endpoint, clock: Clock) -> Result<Self, Error> {
        match endpoint {
            Endpoint::Socket(path) => Ok(Self {
                endpoint: path.display().to_string(),
                way: Way::Socket(path),
            }),
            Endpoint::Remote {
                url,
                server,
                identity,
            } => Self::remote(&url, server, &identity, clock),
        }
    }

    fn remote(
        url: &Url,
        server: Fingerprint,
        identity: &Identity,
        clock: Clock,
    ) -> Result<Self, Error> {
        let wrong = |reason| Error::Address {
            url: url.to_string(),
            reason,
        };
        if url.scheme() != "https" {
            return Err(wrong("it does not begin with https://"));
        }
        let host = url.host().ok_or_else(|| wrong("it names no host"))?;
        let host = match host {
            url::Host::Ipv6(address) => address.to_string(),
            other => other.to_string(),
        };
        let name = ServerName::try_from(host.clone()).map_err(|_| wrong("its host is no name"))?;
        let config = client_config(ServerTrust::Pinned(vec![server]), Some(identity), clock)?;
        let way = Way::Tls {
            host,
            port: url.port_or_known_default().unwrap_or(443),
            name,
            tls: TlsConnector::from(Arc::new(config)),
        };
        Ok(Self {
            endpoint: url.to_string(),
            way,
        })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) async fn connect(&self) -> Result<Connection, Error> {
        let opened = timeout(TIME_LIMIT, Box::pin(self.open()))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        opened.map_err(|source| match PinMismatch::find(&source) {
            Some(mismatch) => Error::WrongCertificate {
                endpoint: self.endpoint.clone(),
                source: mismatch.clone(),
            },
            None => Error::Unreachable {
                endpoint: self.endpoint.clone(),
                source,
            },
        })
    }

    async fn open(&self) -> io::Result<Connection> {
        match &self.way {
            Way::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Way::Tls {
                host,
                port,
                name,
                tls,
            } => {
                let tcp = TcpStream::connect((host.as_str(), *port)).await?;
                tcp.set_nodelay(true)?;
                Ok(Box::new(tls.connect(name.clone(), tcp).await?))
            }
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.endpoint).finish()
    }
}
