use reqwest::Method;

use crate::{
    content::{content, sha256},
    personas::{Answer, Persona, TestServer},
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
async fn an_image_is_sent_as_it_was_stored() {
    let (_server, client, content) = served().await;
    let answer = client.get(IMAGE).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body == content);
    assert_eq!(answer.header("content-type"), "application/zstd");
    assert_eq!(answer.header("content-length"), SIZE.to_string());
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("etag"), format!("\"{}\"", sha256(&content)));
    let disposition = "attachment; filename=\"game-amd64-3.tar.zst\"";
    assert_eq!(answer.header("content-disposition"), disposition);
}

#[tokio::test]
async fn head_tells_the_same_without_the_bytes() {
    let (_server, client, _) = served().await;
    let answer = Answer::of(client.request(Method::HEAD, IMAGE)).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), SIZE.to_string());
    assert_eq!(answer.header("accept-ranges"), "bytes");
}

#[tokio::test]
async fn ranges_join_to_the_whole() {
    let (_server, client, content) = served().await;
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=1000000-2999999", 1_000_000..SIZE),
        ("bytes=2999999-", SIZE - 1..SIZE),
        ("bytes=-17", SIZE - 17..SIZE),
        ("bytes=500000-99999999", 500_000..SIZE),
    ] {
        let answer = client.get_with(IMAGE, &[("Range", range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        assert!(answer.body == content[expected.clone()], "{range}");
        let told = format!("bytes {}-{}/{SIZE}", expected.start, expected.end - 1);
        assert_eq!(answer.header("content-range"), told);
    }
}

#[tokio::test]
async fn a_range_outside_the_image_is_refused_with_its_size() {
    let (_server, client, _) = served().await;
    let answer = client.get_with(IMAGE, &[("Range", "bytes=3000000-")]).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (416, "range_not_satisfiable")
    );
    assert_eq!(answer.header("content-range"), format!("bytes */{SIZE}"));
}

#[tokio::test]
async fn a_range_of_another_content_is_answered_with_the_whole() {
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
async fn an_image_that_the_caller_has_is_not_sent() {
    let (_server, client, content) = served().await;
    let tag = format!("\"{}\"", sha256(&content));
    let answer = client.get_with(IMAGE, &[("If-None-Match", &tag)]).await;
    assert_eq!((answer.status, answer.body.len()), (304, 0));
    assert_eq!(answer.header("etag"), tag);
}

#[tokio::test]
async fn a_download_goes_on_where_it_stopped_after_a_restart_of_the_server() {
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
