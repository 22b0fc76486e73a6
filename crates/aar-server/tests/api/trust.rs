//! Changes of trust take effect at once, also on connections that are open.

use std::time::Duration;

use tokio::time::timeout;

use crate::{content::content, personas::TestServer};

/// Larger than all buffers between client and server.
const LARGE: usize = 96 << 20;

#[tokio::test]
async fn trust_is_added_and_removed_without_a_restart() {
    let server = TestServer::start().await;
    let client = server.client().await;
    assert_eq!(client.get("/1.0/applications").await.status, 200);
    server
        .aar(&["trust", "remove", &client.fingerprint()])
        .await;
    let refused = client.get("/1.0/applications").await;
    assert_eq!(refused.code(), "certificate_unknown");
    let client = server.trusted(client.identity(), &[]).await;
    assert_eq!(client.get("/1.0/applications").await.status, 200);
}

#[tokio::test]
async fn revocation_cuts_an_open_download() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    publisher
        .publish("big/amd64/versions/0", &content(LARGE))
        .await;
    let client = server.client().await;
    let path = "/1.0/applications/big/amd64/versions/0/image";
    let mut download = client
        .request(aar_http::Method::GET, path)
        .send()
        .await
        .unwrap();
    assert!(download.chunk().await.unwrap().is_some());
    server
        .aar(&["trust", "revoke", "--yes", &client.fingerprint()])
        .await;
    let rest = async {
        let mut received = 0;
        while let Some(chunk) = download.chunk().await? {
            received += chunk.len();
        }
        Ok::<_, aar_http::Error>(received)
    };
    let rest = timeout(Duration::from_secs(10), rest)
        .await
        .expect("the download hangs");
    assert!(rest.is_err(), "the download was not cut");
    assert_eq!(
        client.get("/1.0/applications").await.code(),
        "certificate_revoked"
    );
}

#[tokio::test]
async fn revocation_keeps_the_connections_of_others() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    let image = content(LARGE);
    publisher.publish("big/amd64/versions/0", &image).await;
    let (client, other) = (server.client().await, server.client().await);
    let path = "/1.0/applications/big/amd64/versions/0/image";
    let mut download = client
        .request(aar_http::Method::GET, path)
        .send()
        .await
        .unwrap();
    let mut received = download.chunk().await.unwrap().unwrap().len();
    server
        .aar(&["trust", "revoke", "--yes", &other.fingerprint()])
        .await;
    while let Some(chunk) = download.chunk().await.unwrap() {
        received += chunk.len();
    }
    assert_eq!(received, image.len());
}

#[tokio::test]
async fn publisher_that_becomes_a_client_cannot_write() {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    let client = server.trusted(publisher.identity(), &[]).await;
    assert_eq!(client.create_upload(b"x").await.code(), "role_insufficient");
    assert_eq!(client.get("/1.0/applications").await.status, 200);
}

/// Rule 5: a revocation is permanent.
#[tokio::test]
async fn revocation_survives_a_restored_database() {
    let server = TestServer::start().await;
    let identity = server.client().await.identity();
    let base = server.stop().await;
    let (database, copy) = (
        base.path().join("registry.sqlite"),
        base.path().join("copy.db"),
    );
    fs_err::copy(&database, &copy).unwrap();
    let server = TestServer::serve(base).await;
    let client = server.caller(Some(identity.clone()));
    assert_eq!(client.get("/1.0/applications").await.status, 200);
    server
        .aar(&["trust", "revoke", "--yes", &client.fingerprint()])
        .await;

    let base = server.stop().await;
    fs_err::rename(&copy, &database).unwrap();
    let server = TestServer::serve(base).await;
    let client = server.caller(Some(identity));
    let refused = client.get("/1.0/applications").await;
    assert_eq!(refused.code(), "certificate_revoked");
    let log = server.aar(&["audit", "--format", "json"]).await;
    assert!(log.contains("as its descriptor says"), "{log}");
}
