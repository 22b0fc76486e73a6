use crate::personas::TestServer;

const DOCUMENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/openapi.json"
);

#[test]
fn openapi_document_in_the_docs_is_up_to_date() {
    let document = fs_err::read_to_string(DOCUMENT).unwrap();
    let hint = "renew it: cargo run --bin aar -- openapi > docs/reference/openapi.json";
    assert!(document == aar_server::openapi_json(), "{hint}");
}

#[tokio::test]
async fn openapi_document_is_served() {
    let server = TestServer::start().await;
    let response = server.anonymous().get("/1.0/openapi.json").await;
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.text(), aar_server::openapi_json());
}
