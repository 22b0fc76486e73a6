use std::{os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use aar_daemon::{UnixPeer, serve::bind_unix, serve_unix};
use aar_tls::Peer;
use axum::{
    Router,
    extract::{ConnectInfo, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::support::{SOON, Server, identity};

async fn show_fingerprint(ConnectInfo(peer): ConnectInfo<Peer>) -> String {
    peer.fingerprint()
        .map_or("none".to_owned(), |f| f.to_string())
}

#[tokio::test]
async fn handler_sees_the_certificate_of_the_peer() {
    let server = Server::start(Router::new().route("/", get(show_fingerprint)), SOON).await;
    let ams = identity("ams0");
    for (certificate, expected) in [
        (None, "none".to_owned()),
        (Some(&ams), ams.certificate().fingerprint().to_string()),
    ] {
        let client = server.client(certificate);
        let response = server.get(&client, "/").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), expected);
    }
}

/// Upgrades to a protocol in which the server sends nothing.
async fn silent(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut upgraded = TokioIo::new(upgrade.await.unwrap());
        let _ended = upgraded.read(&mut [0; 16]).await;
    });
    let headers = [("connection", "upgrade"), ("upgrade", "silence")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

#[tokio::test]
async fn upgraded_connection_can_be_cut() {
    let server = Server::start(Router::new().route("/", get(silent)), SOON).await;
    let ams = identity("ams0");
    let mut raw = server.raw(Some(&ams), b"http/1.1").await;
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: silence\r\n\r\n";
    raw.write_all(request).await.unwrap();
    let mut response = [0; 1024];
    let length = raw.read(&mut response).await.unwrap();
    assert!(response[..length].starts_with(b"HTTP/1.1 101"));
    let shown = ams.certificate().fingerprint();
    assert_eq!(server.connections.cut(|open| *open == shown), 1);
    let ended = timeout(SOON, raw.read(&mut response)).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
}

#[tokio::test]
async fn handler_on_a_unix_socket_sees_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unix.socket");
    let whoami = |ConnectInfo(peer): ConnectInfo<UnixPeer>| async move {
        format!("{} {:?}", peer.uid, peer.pid)
    };
    let drain = CancellationToken::new();
    let listener = bind_unix(&path, 0o660).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o660);
    let router = Router::new().route("/", get(whoami));
    let serving = tokio::spawn(serve_unix(
        listener,
        Arc::new(|_| true),
        router,
        drain.clone(),
        Duration::ZERO,
    ));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let uid = rustix::process::geteuid().as_raw();
    let expected = format!("{uid} Some({})", std::process::id());
    assert!(response.ends_with(&expected), "{response}");
    drain.cancel();
    timeout(SOON, serving).await.unwrap().unwrap();
    assert!(!path.exists(), "the socket file is left");
}

#[tokio::test]
async fn stale_socket_is_replaced_and_socket_in_use_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unix.socket");
    drop(bind_unix(&path, 0o600).unwrap());
    let _in_use = bind_unix(&path, 0o600).unwrap();
    let refused = bind_unix(&path, 0o600).unwrap_err().to_string();
    assert!(refused.contains("unix.socket"), "{refused}");
}
