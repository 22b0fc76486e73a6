//! Serves a router over mutual TLS and over a Unix socket.
//!
//! Peers are known or unknown, as the server decides for each connection and again for each request. Unknown
//! peers get few connections, small buffers and short time limits, so that they cannot take what known
//! peers need. Every peer that sends nothing or reads nothing for too long is cut.
//!
//! When the service drains, connections end after the request in flight; those that last longer than
//! the limit are dropped.

use std::{
    io, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration,
};

use aar_tls::{Connections, Limits, Origin, Peer, TlsListener, UnknownPeers};
use axum::Router;
use rustix::process::{Resource, getrlimit};
use tokio::{
    net::{TcpListener, UnixListener, UnixStream, unix},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

mod alarm;
mod connection;
mod peer;
mod request_body;
mod timed_stream;

use connection::Connection;
pub use connection::UNKNOWN_HEAD_BYTES;
pub use peer::{IsKnown, TimeLimits};

/// The most connections of unknown users of a Unix socket, and of readers of metrics.
pub const UNKNOWN_LOCAL_PEERS: usize = 64;

/// The pause after accepting has failed, for example without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The client of a connection over a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixPeer {
    /// The user it runs as.
    pub uid: u32,
    /// The group it runs as.
    pub gid: u32,
    /// The process, if the system reports it.
    pub pid: Option<i32>,
}

/// Serves until `drain` is cancelled, then until all connections have ended, for `drain_limit` at most.
/// Handlers get the [`Peer`] as [`ConnectInfo`](axum::extract::ConnectInfo). It is registered in
/// `connections` while its connection is open, also after an upgrade.
pub async fn serve_tls(
    mut listener: TlsListener,
    connections: Connections,
    is_known: IsKnown<Peer>,
    router: Router,
    drain: CancellationToken,
    drain_limit: Duration,
) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = drain.cancelled() => break,
            Some(_ended) = open.join_next() => {}
            (mut io, peer) = listener.accept() => {
                if is_known(&peer) {
                    if !has_room(&listener) {
                        continue;
                    }
                    io.admit();
                }
                io.keep(connections.track(&peer));
                let slot = io.slot().clone();
                let connection = Connection { io, peer, slot };
                open.spawn(connection.serve(router.clone(), Arc::clone(&is_known), drain.clone()));
            }
        }
    }
    drop(listener);
    finish(open, drain_limit).await;
}

/// Whether one more known peer can be served.
fn has_room(listener: &TlsListener) -> bool {
    let known = listener.unknown_peers().admitted();
    let limit = listener.limits().known_peers;
    if known >= limit {
        tracing::warn!(
            known,
            limit,
            "connection closed: too many are open; raise the limit of open files of the service"
        );
    }
    known < limit
}

/// Serves a Unix socket in the same way. Handlers get the [`UnixPeer`] as
/// [`ConnectInfo`](axum::extract::ConnectInfo).
pub async fn serve_unix(
    listener: UnixListener,
    is_known: IsKnown<UnixPeer>,
    router: Router,
    drain: CancellationToken,
    drain_limit: Duration,
) {
    let mut open = JoinSet::new();
    let unknown = UnknownPeers::new(
        UNKNOWN_LOCAL_PEERS,
        UNKNOWN_LOCAL_PEERS / Limits::ADDRESS_SHARE,
    );
    loop {
        tokio::select! {
            biased;
            () = drain.cancelled() => break,
            Some(_ended) = open.join_next() => {}
            (io, peer) = accept(&listener) => {
                let slot = unknown.enter(Origin::User(peer.uid));
                slot.connected();
                let connection = Connection { io, peer, slot };
                open.spawn(connection.serve(router.clone(), Arc::clone(&is_known), drain.clone()));
            }
        }
    }
    close(listener);
    finish(open, drain_limit).await;
}

/// Serves plain HTTP to unknown peers only, until `drain` is cancelled; requests in flight are dropped.
/// Handlers get the address as [`ConnectInfo`](axum::extract::ConnectInfo).
pub async fn serve_plain(mut listener: TcpListener, router: Router, drain: CancellationToken) {
    let mut open = JoinSet::new();
    let is_known: IsKnown<SocketAddr> = Arc::new(|_| false);
    let unknown = UnknownPeers::new(
        UNKNOWN_LOCAL_PEERS,
        UNKNOWN_LOCAL_PEERS / Limits::ADDRESS_SHARE,
    );
    loop {
        tokio::select! {
            biased;
            () = drain.cancelled() => break,
            Some(_ended) = open.join_next() => {}
            (io, peer) = axum::serve::Listener::accept(&mut listener) => {
                let slot = unknown.enter(peer.ip().into());
                slot.connected();
                let connection = Connection { io, peer, slot };
                open.spawn(connection.serve(router.clone(), Arc::clone(&is_known), drain.clone()));
            }
        }
    }
}

/// The limits of a listener, by the number of files that this process may open.
pub fn connection_limits() -> Limits {
    let files = getrlimit(Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok());
    Limits::for_open_files(files.unwrap_or(usize::MAX))
}

/// Stops listening and removes the socket file.
fn close(listener: UnixListener) {
    let address = listener.local_addr();
    drop(listener);
    let removed = match address.as_ref().map(unix::SocketAddr::as_pathname) {
        Ok(Some(path)) => aar_fs::remove_if_exists(path).map(drop),
        _ => Ok(()),
    };
    if let Err(error) = removed {
        tracing::warn!(%error, "cannot remove the socket; the next start replaces it");
    }
}

/// Listens on a Unix socket with this mode. A socket file that no process listens on is replaced.
pub fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_err() {
        aar_fs::remove_if_exists(path)?;
    }
    let named = |error: io::Error| {
        let message = format!("cannot listen on {}: {error}", path.display());
        io::Error::new(error.kind(), message)
    };
    let listener = UnixListener::bind(path).map_err(named)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

async fn accept(listener: &UnixListener) -> (UnixStream, UnixPeer) {
    loop {
        let accepted = listener.accept().await;
        match accepted.and_then(|(stream, _)| Ok((peer_of(&stream)?, stream))) {
            Ok((peer, stream)) => return (stream, peer),
            Err(error) => {
                tracing::warn!(%error, "connections cannot be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn peer_of(stream: &UnixStream) -> io::Result<UnixPeer> {
    let credentials = stream.peer_cred()?;
    Ok(UnixPeer {
        uid: credentials.uid(),
        gid: credentials.gid(),
        pid: credentials.pid(),
    })
}

async fn finish(mut open: JoinSet<()>, limit: Duration) {
    let all = async { while open.join_next().await.is_some() {} };
    if timeout(limit, all).await.is_err() {
        tracing::warn!(
            connections = open.len(),
            ?limit,
            "connections dropped: they did not end within the limit"
        );
        open.shutdown().await;
    }
}
