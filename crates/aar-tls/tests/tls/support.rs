//! A listener on loopback, and clients for it.

use std::{io, net::SocketAddr, sync::Arc};

use aar_tls::{Identity, Limits, NewIdentity, Peer, ServerTrust, TlsListener, TlsStream};
use aar_types::Clock;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client};

pub(crate) fn identity(name: &str) -> Identity {
    valid(name, "2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
}

pub(crate) fn valid(name: &str, from: &str, to: &str) -> Identity {
    Identity::generate(&NewIdentity {
        common_name: name.to_owned(),
        hosts: aar_tls::host_names(None),
        not_before: from.parse().unwrap(),
        not_after: to.parse().unwrap(),
    })
    .unwrap()
}

pub(crate) async fn listen(server: &Identity, limits: Limits) -> TlsListener {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    TlsListener::bind(loopback, server, limits).await.unwrap()
}

pub(crate) fn config(server: &Identity, client: Option<&Identity>) -> ClientConfig {
    let trust = ServerTrust::Pinned(vec![server.certificate().fingerprint()]);
    aar_tls::client_config(trust, client, Clock::system()).unwrap()
}

pub(crate) type Client = client::TlsStream<TcpStream>;

pub(crate) async fn connect(to: SocketAddr, config: ClientConfig) -> io::Result<Client> {
    let tcp = TcpStream::connect(to).await?;
    let name = ServerName::try_from("anything.example").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
}

/// A client and the server's side of its connection.
pub(crate) async fn pair(client: Option<&Identity>) -> (Client, TlsStream, Peer) {
    let server = identity("server");
    let mut listener = listen(&server, Limits::default()).await;
    let connecting = connect(listener.local_addr(), config(&server, client));
    let (connected, (stream, peer)) = tokio::join!(connecting, listener.accept());
    (connected.unwrap(), stream, peer)
}
