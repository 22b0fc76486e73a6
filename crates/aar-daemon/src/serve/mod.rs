//! Serves a router over mutual TLS and over a Unix socket.
//!
//! When the service drains, connections end after the request in flight; those that last longer than
//! the limit are dropped.

use std::{io, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use aar_tls::{Connections, TlsListener};
use axum::Router;
use tokio::{
    net::{UnixListener, UnixStream, unix::SocketAddr},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

mod connection;

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
/// Handlers get the [`Peer`](aar_tls::Peer) as [`ConnectInfo`](axum::extract::ConnectInfo). It is
/// registered in `connections` while its connection is open, also after an upgrade.
pub async fn serve_tls(
    mut listener: TlsListener,
    connections: Connections,
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
            (mut stream, peer) = listener.accept() => {
                stream.keep(connections.track(&peer));
                let service = connection::service(router.clone(), peer);
                open.spawn(connection::serve(stream, service, drain.clone()));
            }
        }
    }
    drop(listener);
    finish(open, drain_limit).await;
}

/// Serves a Unix socket in the same way. Handlers get the [`UnixPeer`] as
/// [`ConnectInfo`](axum::extract::ConnectInfo).
pub async fn serve_unix(
    listener: UnixListener,
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
            (stream, peer) = accept(&listener) => {
                let service = connection::service(router.clone(), peer);
                open.spawn(connection::serve(stream, service, drain.clone()));
            }
        }
    }
    close(listener);
    finish(open, drain_limit).await;
}

/// Stops listening and removes the socket file.
fn close(listener: UnixListener) {
    let address = listener.local_addr();
    drop(listener);
    let removed = match address.as_ref().map(SocketAddr::as_pathname) {
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
