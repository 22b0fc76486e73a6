use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    server::NoServerSessionStorage,
    sign::SingleCertAndKey,
    version::{TLS12, TLS13},
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Certificate, Error, HandshakeCounts, Identity, Limits, Peer, Slot, TlsStream, UnknownPeers,
    provider, shown_certificate, verifier::ClientVerifier,
};

/// The pause after accepting has failed, for example without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Listens for mutual-TLS connections.
///
/// It requests a client certificate but does not require one, and checks only that the client holds its
/// key. Handshakes run concurrently. Until the server admits a peer, it is unknown, within [`Limits`].
pub struct TlsListener {
    tcp: TcpListener,
    local: SocketAddr,
    acceptor: TlsAcceptor,
    limits: Limits,
    unknown: UnknownPeers,
    handshakes: JoinSet<Option<(TlsStream, Peer)>>,
    counts: HandshakeCounts,
    /// The end of the pause after accepting has failed.
    resume_at: Option<Instant>,
}

impl TlsListener {
    pub async fn bind(
        address: SocketAddr,
        identity: &Identity,
        limits: Limits,
    ) -> Result<Self, Error> {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(identity, limits.allow_tls12)?));
        let refused = |source| Error::Listen { address, source };
        let tcp = TcpListener::bind(address).await.map_err(refused)?;
        let local = tcp.local_addr().map_err(refused)?;
        Ok(Self {
            tcp,
            local,
            acceptor,
            unknown: UnknownPeers::new(limits.unknown_peers, limits.unknown_peers_per_address),
            limits,
            handshakes: JoinSet::new(),
            counts: HandshakeCounts::default(),
            resume_at: None,
        })
    }

    /// The listen address, with the port that the system chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The limits of this listener.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The connections of unknown peers, those in their handshake included.
    pub fn unknown_peers(&self) -> UnknownPeers {
        self.unknown.clone()
    }

    pub fn handshake_counts(&self) -> HandshakeCounts {
        self.counts.clone()
    }

    /// Waits for the next connection with a complete handshake. It does not fail: an error of one
    /// connection does not concern the others. Cancel-safe.
    pub async fn accept(&mut self) -> (TlsStream, Peer) {
        loop {
            let resume_at = self.resume_at.max(self.unknown.room_at());
            tokio::select! {
                Some(done) = self.handshakes.join_next() => {
                    let done = outcome(done);
                    self.counts.add(done.is_some());
                    if let Some(accepted) = done {
                        return accepted;
                    }
                }
                next = next_connection(&self.tcp, resume_at) => self.begin(next),
            }
        }
    }

    fn begin(&mut self, next: io::Result<(TcpStream, SocketAddr)>) {
        self.resume_at = None;
        match next {
            Ok((tcp, address)) => self.begin_handshake(tcp, address),
            // The peer closed the connection before it was accepted; no pause is needed.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "connections cannot be accepted");
                self.resume_at = Some(Instant::now() + ACCEPT_PAUSE);
            }
        }
    }

    fn begin_handshake(&mut self, tcp: TcpStream, address: SocketAddr) {
        let slot = self.unknown.enter(address.ip().into());
        let acceptor = self.acceptor.clone();
        let limit = self.limits.handshake_timeout;
        self.handshakes
            .spawn(handshake(acceptor, tcp, address, limit, slot));
    }
}

async fn next_connection(
    tcp: &TcpListener,
    resume_at: Option<Instant>,
) -> io::Result<(TcpStream, SocketAddr)> {
    if let Some(moment) = resume_at {
        sleep_until(moment).await;
    }
    tcp.accept().await
}

fn outcome(done: Result<Option<(TlsStream, Peer)>, JoinError>) -> Option<(TlsStream, Peer)> {
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "handshake task failed");
        None
    })
}

/// A refused peer sees only a closed connection, so the log names the reason.
async fn handshake(
    acceptor: TlsAcceptor,
    tcp: TcpStream,
    address: SocketAddr,
    limit: Duration,
    slot: Slot,
) -> Option<(TlsStream, Peer)> {
    set_options(&tcp);
    let accept = acceptor.accept_with(tcp, |tls| {
        tls.set_buffer_limit(Some(Limits::UNKNOWN_WRITE_BUFFER));
    });
    let cut = slot.cut_token();
    let accept = cut.run_until_cancelled(timeout(limit, accept));
    let (accepted, shown) = shown_certificate::during(accept).await;
    let fingerprint = shown.map(tracing::field::display);
    match accepted {
        Some(Ok(Ok(tls))) => {
            acknowledge_now(tls.get_ref().0);
            Some(identify(tls, address, slot))
        }
        Some(Ok(Err(error))) => {
            tracing::info!(%address, fingerprint, reason = %error, "handshake failed");
            None
        }
        Some(Err(_)) => {
            let reason = format!("no end within {limit:?}");
            tracing::info!(%address, fingerprint, reason, "handshake failed");
            None
        }
        None => None,
    }
}

fn identify(
    tls: tokio_rustls::server::TlsStream<TcpStream>,
    address: SocketAddr,
    slot: Slot,
) -> (TlsStream, Peer) {
    let shown = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = shown.and_then(|der| Certificate::from_der(der).ok());
    let peer = Peer::new(address, certificate, slot.cut_token().clone());
    slot.connected();
    (TlsStream::new(tls, peer.clone(), slot), peer)
}

/// Sends small responses at once, and detects a lost peer within two minutes.
fn set_options(tcp: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_mins(1))
        .with_interval(Duration::from_secs(15));
    let set = tcp
        .set_nodelay(true)
        .and_then(|()| SockRef::from(tcp).set_tcp_keepalive(&keepalive));
    if let Err(error) = set {
        tracing::debug!(%error, "cannot set socket options");
    }
}

/// Without session tickets the server sends nothing after the last handshake message of the client, so
/// the kernel delays its acknowledgement. A client with Nagle's algorithm would hold its first request
/// back for 40 ms.
fn acknowledge_now(tcp: &TcpStream) {
    if let Err(error) = SockRef::from(tcp).set_tcp_quickack(true) {
        tracing::debug!(%error, "cannot acknowledge a handshake at once");
    }
}

fn server_config(identity: &Identity, allow_tls12: bool) -> Result<ServerConfig, Error> {
    let versions: &[_] = if allow_tls12 {
        &[&TLS13, &TLS12]
    } else {
        &[&TLS13]
    };
    let resolver = SingleCertAndKey::from(identity.certified());
    let mut config = ServerConfig::builder_with_provider(provider::provider())
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(Arc::new(ClientVerifier))
        .with_cert_resolver(Arc::new(resolver));
    // Sessions are not resumed: each connection proves possession of its key.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    // HTTP/1.1 only: every client reads a response that arrives before its request body is sent,
    // websockets need it, and images gain nothing from multiplexing.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
