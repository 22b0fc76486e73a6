use aar_http::Method;

use crate::{
    content::{content, sha256},
    personas::{FullResponse, Persona, TestServer},
};

const VERSION: &str = "game/amd64/versions/3";
const IMAGE: &str = "/1.0/applications/game/amd64/versions/3/image";
const SIZE: usize = 3_000_000;

async fn served() -> (TestServer, Persona, Vec<u8>) {
    let server = TestServer::start().await;
    let content = content(SIZE);
    let published = server.publisher().await.publish(VERSION, &content).await;
    assert_eq!(published.status, 201, "{}", published.text());
    let client = server.client().await;
    (server, client, content)
}

#[tokio::test]
async fn image_is_sent_as_stored() {
    let (_server, client, content) = served().await;
    let response = client.get(IMAGE).await;
    assert_eq!(response.status, 200);
    assert!(response.body == content);
    assert_eq!(response.header("content-type"), "application/zstd");
    assert_eq!(response.header("content-length"), SIZE.to_string());
    assert_eq!(response.header("accept-ranges"), "bytes");
    assert_eq!(response.header("etag"), format!("\"{}\"", sha256(&content)));
    let disposition = "attachment; filename=game-amd64-3.tar.zst";
    assert_eq!(response.header("content-disposition"), disposition);
}

#[tokio::test]
async fn head_has_the_headers_without_the_bytes() {
    let (_server, client, _) = served().await;
    let response = FullResponse::of(client.request(Method::HEAD, IMAGE)).await;
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert_eq!(response.header("content-length"), SIZE.to_string());
    assert_eq!(response.header("accept-ranges"), "bytes");
}

#[tokio::test]
async fn ranges_have_the_selected_bytes() {
    let (_server, client, content) = served().await;
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=1000000-2999999", 1_000_000..SIZE),
        ("bytes=2999999-", SIZE - 1..SIZE),
        ("bytes=-17", SIZE - 17..SIZE),
        ("bytes=500000-99999999", 500_000..SIZE),
    ] {
        let response = client.get_with(IMAGE, &[("Range", range)]).await;
        assert_eq!(response.status, 206, "{range}");
        assert!(response.body == content[expected.clone()], "{range}");
        let expected_range = format!("bytes {}-{}/{SIZE}", expected.start, expected.end - 1);
        assert_eq!(response.header("content-range"), expected_range);
    }
}

#[tokio::test]
async fn range_beyond_the_end_is_refused_with_the_size() {
    let (_server, client, _) = served().await;
    let response = client.get_with(IMAGE, &[("Range", "bytes=3000000-")]).await;
    assert_eq!(
        (response.status, response.code().as_str()),
        (416, "range_not_satisfiable")
    );
    assert_eq!(response.header("content-range"), format!("bytes */{SIZE}"));
}

#[tokio::test]
async fn range_of_another_content_gets_the_whole_image() {
    let (_server, client, content) = served().await;
    let same = format!("\"{}\"", sha256(&content));
    let range = ("Range", "bytes=10-19");
    let part = client.get_with(IMAGE, &[range, ("If-Range", &same)]).await;
    assert_eq!((part.status, part.body.len()), (206, 10));
    let whole = client
        .get_with(IMAGE, &[range, ("If-Range", "\"other\"")])
        .await;
    assert_eq!((whole.status, whole.body.len()), (200, SIZE));
}

#[tokio::test]
async fn known_image_is_not_sent() {
    let (_server, client, content) = served().await;
    let tag = format!("\"{}\"", sha256(&content));
    let response = client.get_with(IMAGE, &[("If-None-Match", &tag)]).await;
    assert_eq!((response.status, response.body.len()), (304, 0));
    assert_eq!(response.header("etag"), tag);
}

#[tokio::test]
async fn download_resumes_after_a_restart() {
    let (server, client, content) = served().await;
    let first = client.get_with(IMAGE, &[("Range", "bytes=0-999999")]).await;
    let identity = client.identity();
    let server = server.restart().await;
    let client = server.caller(Some(identity));
    let etag = first.header("etag");
    let rest = [("Range", "bytes=1000000-"), ("If-Range", &etag)];
    let second = client.get_with(IMAGE, &rest).await;
    assert_eq!(second.status, 206);
    assert!([first.body, second.body].concat() == content);
}
