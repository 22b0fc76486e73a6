use std::{net::SocketAddr, sync::Arc, time::Duration};

use aar_http::{HttpClient, HttpOptions, Method, RequestBuilder};
use aar_tls::{Connections, Identity, Limits, NewIdentity, Peer, ServerTrust, TlsListener};
use aar_types::Clock;
use axum::Router;
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A router served over TLS on loopback.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Connections,
    pub(crate) drain: CancellationToken,
    pub(crate) done: JoinHandle<()>,
    identity: Identity,
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity::generate(&NewIdentity {
        common_name: name.to_owned(),
        hosts: aar_tls::host_names(None),
        not_before: "2000-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2099-01-01T00:00:00Z".parse().unwrap(),
    })
    .unwrap()
}

impl Server {
    /// Peers with a certificate are known.
    pub(crate) async fn start(router: Router, drain_limit: Duration) -> Self {
        Self::with_limits(router, drain_limit, Limits::default()).await
    }

    pub(crate) async fn with_limits(router: Router, drain_limit: Duration, limits: Limits) -> Self {
        let identity = identity("server");
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TlsListener::bind(loopback, &identity, limits);
        let listener = listener.await.unwrap();
        let (connections, drain) = (Connections::default(), CancellationToken::new());
        Self {
            address: listener.local_addr(),
            done: tokio::spawn(aar_daemon::serve_tls(
                listener,
                connections.clone(),
                Arc::new(|peer: &Peer| peer.certificate.is_some()),
                router,
                drain.clone(),
                drain_limit,
            )),
            connections,
            drain,
            identity,
        }
    }

    fn trust(&self) -> ServerTrust {
        ServerTrust::Pinned(vec![self.identity.certificate().fingerprint()])
    }

    pub(crate) fn client(&self, identity: Option<&Identity>) -> HttpClient {
        let mut options = HttpOptions::new(self.trust(), "test/1");
        options.identity = identity.cloned();
        HttpClient::new(options).unwrap()
    }

    pub(crate) fn get(&self, client: &HttpClient, path: &str) -> RequestBuilder {
        self.request(client, Method::GET, path)
    }

    pub(crate) fn request(
        &self,
        client: &HttpClient,
        method: Method,
        path: &str,
    ) -> RequestBuilder {
        let url = format!("https://{}{path}", self.address);
        client.request(method, url.parse().unwrap())
    }

    /// A connection for requests written byte by byte.
    pub(crate) async fn raw(
        &self,
        identity: Option<&Identity>,
        protocol: &[u8],
    ) -> TlsStream<TcpStream> {
        let config = aar_tls::client_config(self.trust(), identity, Clock::system());
        let mut config = config.unwrap();
        config.alpn_protocols = vec![protocol.to_vec()];
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
            .unwrap()
    }
}
