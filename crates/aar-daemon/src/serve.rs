//! Serving a router over mutual TLS and over a Unix socket.
//!
//! The protocol is settled by the handshake, so the first byte of a connection counts towards the
//! time limit for a request's head. When the service drains, connections end after the request
//! they are at; those that are not done within the limit are dropped.

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

/// How long to wait after accepting has failed, for instance for want of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(200);

/// The other side of a connection over a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixPeer {
    /// The user it runs as.
    pub uid: u32,
    /// The group it runs as.
    pub gid: u32,
    /// The process, where the system tells.
    pub pid: Option<i32>,
}

/// Serves until `drain` is cancelled, and then until the connections have ended or `drain_limit`
/// is over. Handlers find the [`Peer`](aar_tls::Peer) as [`ConnectInfo`](axum::extract::ConnectInfo); it is noted in
/// `connections` while its connection lives, upgraded ones included.
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

/// Serves a Unix socket in the same way. Handlers find the [`UnixPeer`] as [`ConnectInfo`](axum::extract::ConnectInfo).
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
    remove(listener);
    finish(open, drain_limit).await;
}

/// Stops listening, and takes the name away that leads to nobody now.
fn remove(listener: UnixListener) {
    let address = listener.local_addr();
    drop(listener);
    let removed = match address.as_ref().map(SocketAddr::as_pathname) {
        Ok(Some(path)) => remove_stale(path),
        _ => Ok(()),
    };
    if let Err(error) = removed {
        tracing::warn!(%error, "the socket stays, and is replaced at the next start");
    }
}

/// Listens on a Unix socket with the given permissions. What a process that has died left behind
/// is removed.
pub fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_err() {
        remove_stale(path)?;
    }
    let named = |error: io::Error| {
        let message = format!("cannot listen on {}: {error}", path.display());
        io::Error::new(error.kind(), message)
    };
    let listener = UnixListener::bind(path).map_err(named)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn accept(listener: &UnixListener) -> (UnixStream, UnixPeer) {
    loop {
        let accepted = listener.accept().await;
        match accepted.and_then(|(stream, _)| Ok((peer_of(&stream)?, stream))) {
            Ok((peer, stream)) => return (stream, peer),
            Err(error) => {
                tracing::warn!(%error, "no connections can be accepted at present");
                sleep(BACK_OFF).await;
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
        tracing::warn!(connections = open.len(), ?limit, "connections are dropped");
        open.shutdown().await;
    }
}
