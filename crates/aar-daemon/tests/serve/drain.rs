use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::{sync::Notify, time::timeout};

use crate::support::{SOON, Server};

/// A route that answers when told to, and tells when it has been asked.
fn slow(asked: &Arc<Notify>, go: &Arc<Notify>) -> Router {
    let (asked, go) = (Arc::clone(asked), Arc::clone(go));
    let wait = get(move || async move {
        asked.notify_one();
        go.notified().await;
        "finished"
    });
    Router::new()
        .route("/slow", wait)
        .route("/", get(|| async { "at once" }))
}

#[tokio::test]
async fn a_request_under_way_is_finished_and_nobody_else_comes_in() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = Server::start(slow(&asked, &go), SOON).await;
    let client = server.client(None);
    let request = tokio::spawn(client.get(server.url("/slow")).send());
    asked.notified().await;
    server.drain.cancel();
    tokio::task::yield_now().await;
    let newcomer = server.client(None);
    let refused = timeout(SOON, async {
        while newcomer.get(server.url("/")).send().await.is_ok() {}
    });
    refused.await.unwrap();
    assert!(!server.done.is_finished());
    go.notify_one();
    let answer = timeout(SOON, request).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), "finished");
    timeout(SOON, server.done).await.unwrap().unwrap();
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let server = Server::start(slow(&Arc::default(), &Arc::default()), SOON * 10).await;
    let client = server.client(None);
    client
        .get(server.url("/"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(server.connections.count(), 1);
    server.drain.cancel();
    timeout(SOON, server.done).await.unwrap().unwrap();
    assert_eq!(server.connections.count(), 0);
}

#[tokio::test]
async fn what_is_not_done_within_the_limit_is_dropped() {
    let asked = Arc::new(Notify::new());
    let router = slow(&asked, &Arc::default());
    let server = Server::start(router, Duration::from_millis(100)).await;
    let client = server.client(None);
    let request = tokio::spawn(client.get(server.url("/slow")).send());
    asked.notified().await;
    server.drain.cancel();
    timeout(SOON, server.done).await.unwrap().unwrap();
    assert!(timeout(SOON, request).await.unwrap().unwrap().is_err());
}
