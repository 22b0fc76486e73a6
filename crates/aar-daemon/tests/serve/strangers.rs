//! Unknown peers cannot take what known peers need. Peers with a certificate are known here.

use std::time::Duration;

use aar_http::Method;
use aar_tls::{Identity, Limits};
use axum::{Router, body::Bytes, routing::post};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use crate::support::{SOON, Server, identity};

/// Connections of strangers that one test opens.
const STRANGERS: usize = 300;

async fn start(limits: Limits) -> Server {
    let router = Router::new().route(
        "/",
        post(|body: Bytes| async move { body.len().to_string() }),
    );
    Server::with_limits(router, Duration::ZERO, limits).await
}

/// Sends requests until the server reads no more of them, and reads no response.
async fn pipeline(peer: &mut TlsStream<TcpStream>) {
    let requests = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".repeat(100);
    let pause = Duration::from_millis(50);
    while let Ok(Ok(())) = timeout(pause, peer.write_all(&requests)).await {}
}

async fn answer(
    server: &Server,
    identity: &Identity,
    body: &str,
) -> Result<String, aar_http::Error> {
    let client = server.client(Some(identity));
    let sent = server
        .request(&client, Method::POST, "/")
        .body(body.to_owned());
    timeout(SOON, sent.send()).await.unwrap()?.text().await
}

#[tokio::test]
async fn known_peer_is_served_beside_strangers_that_read_nothing() {
    let server = start(Limits::for_open_files(64)).await;
    let (ams, mut open) = (identity("ams0"), Vec::new());
    for number in 0..STRANGERS {
        open.push(TcpStream::connect(server.address).await.unwrap());
        if number % 20 == 0 {
            pipeline(&mut server.raw(None, b"http/1.1").await).await;
        }
        if number % 100 == 0 {
            assert_eq!(answer(&server, &ams, "known").await.unwrap(), "5");
        }
    }
    assert_eq!(answer(&server, &ams, "known").await.unwrap(), "5");
}

#[tokio::test]
async fn known_peer_keeps_its_connection_while_strangers_come() {
    let server = start(Limits::for_open_files(64)).await;
    let mut known = server.raw(Some(&identity("ams0")), b"http/1.1").await;
    let mut open = Vec::new();
    for _ in 0..50 {
        open.push(server.raw(None, b"http/1.1").await);
    }
    let request = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
    known.write_all(request).await.unwrap();
    let mut response = String::new();
    timeout(SOON, known.read_to_string(&mut response))
        .await
        .unwrap()
        .unwrap();
    assert!(response.ends_with('2'), "{response}");
    let limit = Limits::for_open_files(64).unknown_peers;
    assert!(server.connections.count() <= limit + 2);
}

#[tokio::test]
async fn known_peers_beyond_their_limit_are_closed() {
    let limits = Limits {
        known_peers: 2,
        ..Limits::default()
    };
    let server = start(limits).await;
    let ams = identity("ams0");
    let _open = [
        server.raw(Some(&ams), b"http/1.1").await,
        server.raw(Some(&ams), b"http/1.1").await,
    ];
    let refused = answer(&server, &ams, "third").await;
    assert!(refused.is_err(), "{refused:?}");
}
