use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::{content::content, personas::TestServer};

/// Much shorter than the waits of the requests, and long enough for a busy machine.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn changes_after_a_revision_are_listed_oldest_first() {
    let server = TestServer::start().await;
    let (publisher, client) = (server.publisher().await, server.client().await);
    publisher
        .publish("a/amd64/versions/0", &content(6000))
        .await;
    publisher
        .put("/1.0/applications/a/amd64", &json!({ "tags": ["x"] }))
        .await;
    publisher
        .patch(
            "/1.0/applications/a/amd64/versions/0",
            &json!({ "published": false }),
        )
        .await;
    publisher.delete("/1.0/applications/a").await;
    let response = client.get("/1.0/changes?since=0").await;
    let body = response.json();
    let changes = body["metadata"]["changes"].as_array().unwrap();
    let kinds: Vec<_> = changes
        .iter()
        .map(|change| change["kind"].as_str().unwrap())
        .collect();
    let expected = [
        "version-added",
        "application-updated",
        "version-withdrawn",
        "application-removed",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(
        response.header("aar-revision"),
        body["metadata"]["revision"].to_string()
    );
    let last = changes[2]["revision"].as_u64().unwrap();
    let rest = client
        .get(&format!("/1.0/changes?since={last}"))
        .await
        .json();
    assert_eq!(rest["metadata"]["changes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn waiting_request_is_answered_by_the_next_change() {
    let server = TestServer::start().await;
    let (publisher, client) = (server.publisher().await, server.client().await);
    publisher.upload(&content(6000)).await;
    let wait = tokio::spawn(async move { client.get("/1.0/changes?since=0&wait=60").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!wait.is_finished());
    publisher
        .publish("a/amd64/versions/0", &content(6000))
        .await;
    let response = timeout(SOON, wait).await.expect("not woken").unwrap();
    assert_eq!(
        response.json()["metadata"]["changes"][0]["kind"],
        "version-added"
    );
}

#[tokio::test]
async fn waiting_request_is_answered_by_a_change_of_another_process() {
    let server = TestServer::start().await;
    let (publisher, client) = (server.publisher().await, server.client().await);
    publisher
        .publish("a/amd64/versions/0", &content(6000))
        .await;
    let since = client.get("/1.0/applications").await.header("aar-revision");
    let path = format!("/1.0/changes?since={since}&wait=60");
    let wait = tokio::spawn(async move { client.get(&path).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.aar(&["application", "delete", "--yes", "a"]).await;
    let response = timeout(SOON, wait).await.expect("not woken").unwrap();
    assert_eq!(
        response.json()["metadata"]["changes"][0]["kind"],
        "application-removed"
    );
}

#[tokio::test]
async fn waiting_request_ends_empty_after_its_time() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let started = Instant::now();
    let response = client.get("/1.0/changes?since=0&wait=1").await;
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(response.json()["metadata"]["changes"], json!([]));
}

#[tokio::test]
async fn waiting_request_ends_when_the_service_stops() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let wait = tokio::spawn(async move { client.get("/1.0/changes?since=0&wait=300").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.drain();
    let response = timeout(SOON, wait).await.expect("still waiting").unwrap();
    assert_eq!(response.json()["metadata"]["changes"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn future_revision_is_answered_with_410() {
    let server = TestServer::start().await;
    let response = server
        .client()
        .await
        .get("/1.0/changes?since=1000000")
        .await;
    assert_eq!(
        (response.status, response.code().as_str()),
        (410, "changes_compacted")
    );
}
