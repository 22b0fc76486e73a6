use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::{sync::Notify, time::timeout};

use crate::support::{SOON, Server};

/// A route that notifies `reached` and answers after `go`.
fn slow(reached: &Arc<Notify>, go: &Arc<Notify>) -> Router {
    let (reached, go) = (Arc::clone(reached), Arc::clone(go));
    let wait = get(move || async move {
        reached.notify_one();
        go.notified().await;
        "finished"
    });
    Router::new()
        .route("/slow", wait)
        .route("/", get(|| async { "at once" }))
}

#[tokio::test]
async fn drain_finishes_requests_in_flight_and_accepts_no_others() {
    let (reached, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = Server::start(slow(&reached, &go), SOON).await;
    let client = server.client(None);
    let request = tokio::spawn(server.get(&client, "/slow").send());
    reached.notified().await;
    server.drain.cancel();
    tokio::task::yield_now().await;
    let newcomer = server.client(None);
    let refused = timeout(SOON, async {
        while server.get(&newcomer, "/").send().await.is_ok() {}
    });
    refused.await.unwrap();
    assert!(!server.done.is_finished());
    go.notify_one();
    let response = timeout(SOON, request).await.unwrap().unwrap().unwrap();
    assert_eq!(response.text().await.unwrap(), "finished");
    timeout(SOON, server.done).await.unwrap().unwrap();
}

#[tokio::test]
async fn drain_does_not_wait_for_idle_connections() {
    let server = Server::start(slow(&Arc::default(), &Arc::default()), SOON * 10).await;
    let client = server.client(None);
    let response = server.get(&client, "/").send().await.unwrap();
    response.text().await.unwrap();
    assert_eq!(server.connections.count(), 1);
    server.drain.cancel();
    timeout(SOON, server.done).await.unwrap().unwrap();
    assert_eq!(server.connections.count(), 0);
}

#[tokio::test]
async fn drain_drops_requests_beyond_its_limit() {
    let reached = Arc::new(Notify::new());
    let router = slow(&reached, &Arc::default());
    let server = Server::start(router, Duration::from_millis(100)).await;
    let client = server.client(None);
    let request = tokio::spawn(server.get(&client, "/slow").send());
    reached.notified().await;
    server.drain.cancel();
    timeout(SOON, server.done).await.unwrap().unwrap();
    assert!(timeout(SOON, request).await.unwrap().unwrap().is_err());
}
