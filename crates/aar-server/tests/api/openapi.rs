use crate::personas::TestServer;

const KEPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/openapi.json"
);

#[test]
fn the_kept_document_is_up_to_date() {
    let kept = fs_err::read_to_string(KEPT).unwrap();
    let hint = "write it anew: cargo run --bin aar -- openapi > docs/reference/openapi.json";
    assert!(kept == aar_server::openapi_json(), "{hint}");
}

#[tokio::test]
async fn the_served_document_is_the_kept_one() {
    let server = TestServer::start().await;
    let answer = server.anonymous().get("/1.0/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text(), aar_server::openapi_json());
}
