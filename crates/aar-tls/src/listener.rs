use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ServerConfig, server::NoServerSessionStorage, sign::SingleCertAndKey, version::TLS13,
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Certificate, Error, Identity, Limits, Peer, TlsStream,
    limits::{ByAddress, Place},
    possession::Possession,
    provider,
};

/// What the TLS layer keeps for a peer that reads slower than we write.
const WRITE_BUFFER: usize = 64 * 1024;
/// How long to wait after accepting has failed, for instance for want of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(200);

/// Listens for mutual-TLS connections.
///
/// It asks for a client certificate, never demands one, and checks possession of its key only.
/// Handshakes run beside each other and within [`Limits`].
pub struct TlsListener {
    tcp: TcpListener,
    local: SocketAddr,
    acceptor: TlsAcceptor,
    limits: Limits,
    by_address: ByAddress,
    handshakes: JoinSet<Option<(TlsStream, Peer)>>,
    /// Set after accepting has failed: not to be tried again before.
    resume_at: Option<Instant>,
}

impl TlsListener {
    /// Begins to listen.
    pub async fn bind(
        address: SocketAddr,
        identity: &Identity,
        limits: Limits,
    ) -> Result<Self, Error> {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(identity)?));
        let refused = |source| Error::Listen { address, source };
        let tcp = TcpListener::bind(address).await.map_err(refused)?;
        let local = tcp.local_addr().map_err(refused)?;
        Ok(Self {
            tcp,
            local,
            acceptor,
            limits,
            by_address: ByAddress::default(),
            handshakes: JoinSet::new(),
            resume_at: None,
        })
    }

    /// The address that is listened on, with the port that was chosen where none was given.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Waits for the next connection whose handshake is done. It never fails: what goes wrong with
    /// one connection is no matter of the others. It can be dropped and called again.
    pub async fn accept(&mut self) -> (TlsStream, Peer) {
        loop {
            let room = self.handshakes.len() < self.limits.handshakes;
            tokio::select! {
                Some(done) = self.handshakes.join_next() => {
                    if let Some(accepted) = outcome(done) {
                        return accepted;
                    }
                }
                next = next_connection(&self.tcp, self.resume_at), if room => self.begin(next),
            }
        }
    }

    fn begin(&mut self, next: io::Result<(TcpStream, SocketAddr)>) {
        self.resume_at = None;
        match next {
            Ok((tcp, address)) => self.begin_handshake(tcp, address),
            // The peer has gone before it was accepted: nothing to wait for.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "no connections can be accepted at present");
                self.resume_at = Some(Instant::now() + BACK_OFF);
            }
        }
    }

    fn begin_handshake(&mut self, tcp: TcpStream, address: SocketAddr) {
        let ip = canonical(address.ip());
        let allowed = self.limits.handshakes_per_address;
        let Some(place) = self.by_address.enter(ip, allowed) else {
            tracing::warn!(%address, allowed, "too many handshakes from this address");
            return;
        };
        let acceptor = self.acceptor.clone();
        let limit = self.limits.handshake_timeout;
        self.handshakes
            .spawn(handshake(acceptor, tcp, address, limit, place));
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
        tracing::error!(%error, "a handshake broke down");
        None
    })
}

/// Peers that give up, do not speak TLS or take too long are everyday life on an open port.
async fn handshake(
    acceptor: TlsAcceptor,
    tcp: TcpStream,
    address: SocketAddr,
    limit: Duration,
    _place: Place,
) -> Option<(TlsStream, Peer)> {
    prepare(&tcp);
    let accept = acceptor.accept_with(tcp, |tls| tls.set_buffer_limit(Some(WRITE_BUFFER)));
    match timeout(limit, accept).await {
        Ok(Ok(tls)) => {
            acknowledge(tls.get_ref().0);
            Some(identify(tls, address))
        }
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "a handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%address, ?limit, "a handshake took too long");
            None
        }
    }
}

fn identify(
    tls: tokio_rustls::server::TlsStream<TcpStream>,
    address: SocketAddr,
) -> (TlsStream, Peer) {
    let shown = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = shown.and_then(|der| Certificate::from_der(der).ok());
    let peer = Peer::new(address, certificate);
    (TlsStream::new(tls, peer.clone()), peer)
}

/// Small answers leave at once, and a peer that has vanished is noticed within a minute or two.
fn prepare(tcp: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_mins(1))
        .with_interval(Duration::from_secs(15));
    let prepared = tcp
        .set_nodelay(true)
        .and_then(|()| SockRef::from(tcp).set_tcp_keepalive(&keepalive));
    if let Err(error) = prepared {
        tracing::debug!(%error, "the options of a socket could not be set");
    }
}

/// The client's last flight has no answer in TLS 1.3 without tickets, so the kernel would put off its
/// acknowledgement; a client that lets small segments wait for one holds its first request for 40 ms.
fn acknowledge(tcp: &TcpStream) {
    if let Err(error) = SockRef::from(tcp).set_tcp_quickack(true) {
        tracing::debug!(%error, "a handshake is acknowledged late");
    }
}

/// An IPv4 peer counts as the same whether it comes in through an IPv4 or a dual-stack socket.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn server_config(identity: &Identity) -> Result<ServerConfig, Error> {
    let resolver = SingleCertAndKey::from(identity.certified());
    let mut config = ServerConfig::builder_with_provider(provider::provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Possession))
        .with_cert_resolver(Arc::new(resolver));
    // Nothing to resume a session from: every connection proves anew who it is.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    // HTTP/1.1 alone: an answer that comes before the body was read, such as a refusal, reaches every
    // client by it, websockets speak it, and images gain nothing from streams within a connection.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
