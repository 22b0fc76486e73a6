use serde_json::json;

use crate::personas::TestServer;

#[tokio::test]
async fn status_needs_no_certificate() {
    let server = TestServer::start().await;
    let response = server.anonymous().get("/1.0/status").await;
    assert_eq!(response.status, 200);
    let expected = json!({ "healthy": true, "problems": [], "revision": 0 });
    assert_eq!(response.json()["metadata"], expected);
}

#[tokio::test]
async fn unusable_storage_is_reported_with_503() {
    let server = TestServer::start().await;
    fs_err::remove_dir_all(server.base().join("data")).unwrap();
    let response = server.anonymous().get("/1.0/status").await;
    assert_eq!(response.status, 503, "{}", response.text());
    let body = response.json();
    assert_eq!(body["metadata"]["healthy"], false);
    assert!(!body["metadata"]["problems"].as_array().unwrap().is_empty());
    let base = server.base().to_string_lossy().into_owned();
    assert!(
        !response.text().contains(&base),
        "the response reveals a path: {}",
        response.text()
    );
}
