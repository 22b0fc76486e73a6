//! The certificate of a server before it is pinned.

use crate::support::{identity, listen};
use aar_tls::{Limits, observe_certificate};

#[tokio::test]
async fn certificate_of_an_unknown_server_is_observed() {
    let server = identity("server");
    let mut listener = listen(&server, Limits::default()).await;
    let port = listener.local_addr().port();
    tokio::spawn(async move { listener.accept().await });
    let shown = observe_certificate("localhost", port).await.unwrap();
    assert_eq!(&shown, server.certificate());
}

#[tokio::test]
async fn unreachable_server_is_named() {
    let refused = observe_certificate("127.0.0.1", 1).await.unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("127.0.0.1:1"), "{refused}");
}
