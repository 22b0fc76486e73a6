use serde_json::json;

use crate::personas::TestServer;

#[tokio::test]
async fn probes_need_no_certificate() {
    let server = TestServer::start().await;
    let answer = server.anonymous().get("/1.0/status").await;
    assert_eq!(answer.status, 200);
    let expected = json!({ "healthy": true, "problems": [], "revision": 0 });
    assert_eq!(answer.json()["metadata"], expected);
}

#[tokio::test]
async fn storage_that_cannot_be_used_is_told_with_503() {
    let server = TestServer::start().await;
    fs_err::remove_dir_all(server.base().join("data")).unwrap();
    let answer = server.anonymous().get("/1.0/status").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["metadata"]["healthy"], false);
    assert!(!body["metadata"]["problems"].as_array().unwrap().is_empty());
    let base = server.base().to_string_lossy().into_owned();
    assert!(
        !answer.text().contains(&base),
        "strangers learn no paths: {}",
        answer.text()
    );
}
