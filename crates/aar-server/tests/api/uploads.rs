//! The tus protocol.

use reqwest::Method;

use crate::{
    content::{content, metadata},
    personas::{Answer, Persona, TestServer},
};

async fn publisher() -> (TestServer, Persona) {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    (server, publisher)
}

async fn offset(publisher: &Persona, location: &str) -> Answer {
    Answer::of(publisher.tus(Method::HEAD, location)).await
}

#[tokio::test]
async fn options_tell_what_is_spoken() {
    let (_server, publisher) = publisher().await;
    let answer = Answer::of(publisher.request(Method::OPTIONS, "/1.0/uploads")).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    assert_eq!(answer.header("tus-version"), "1.0.0");
    assert_eq!(
        answer.header("tus-extension"),
        "creation,creation-with-upload,expiration,termination"
    );
    assert_eq!(answer.header("tus-max-size"), (256_u64 << 30).to_string());
}

#[tokio::test]
async fn an_image_arrives_in_parts() {
    let (_server, publisher) = publisher().await;
    let content = content(1_000_000);
    let created = publisher.create_upload(&content).await;
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(created.header("upload-offset"), "0");
    assert!(created.header("upload-expires").ends_with(" GMT"));
    let location = created.header("location");
    assert!(location.starts_with("/1.0/uploads/"), "{location}");

    let first = publisher.append(&location, 0, &content[..400_000]).await;
    assert_eq!(
        (first.status, first.header("upload-offset").as_str()),
        (204, "400000")
    );
    assert_eq!(first.header("tus-resumable"), "1.0.0");

    let standing = offset(&publisher, &location).await;
    assert_eq!(standing.status, 200);
    assert_eq!(standing.header("upload-offset"), "400000");
    assert_eq!(standing.header("upload-length"), "1000000");
    assert_eq!(standing.header("cache-control"), "no-store");

    let last = publisher
        .append(&location, 400_000, &content[400_000..])
        .await;
    assert_eq!(
        (last.status, last.header("upload-offset").as_str()),
        (204, "1000000")
    );
    assert_eq!(
        publisher
            .publish("a/amd64/versions/0", &content)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn an_upload_goes_on_where_it_stopped_after_a_restart_of_the_server() {
    let (server, publisher) = publisher().await;
    let content = content(1_000_000);
    let location = publisher.create_upload(&content).await.header("location");
    publisher.append(&location, 0, &content[..300_000]).await;
    let server = server.restart().await;
    let publisher = server.caller(Some(publisher.identity()));
    assert_eq!(
        offset(&publisher, &location).await.header("upload-offset"),
        "300000"
    );
    let last = publisher
        .append(&location, 300_000, &content[300_000..])
        .await;
    assert_eq!(last.status, 204, "{}", last.text());
}

#[tokio::test]
async fn an_image_that_is_stored_already_is_not_sent_again() {
    let (_server, publisher) = publisher().await;
    let content = content(1000);
    publisher.publish("a/amd64/versions/0", &content).await;
    let created = publisher.create_upload(&content).await;
    assert_eq!(
        (created.status, created.header("upload-offset").as_str()),
        (201, "1000")
    );
}

#[tokio::test]
async fn the_first_bytes_may_come_with_the_creation() {
    let (_server, publisher) = publisher().await;
    let content = content(1000);
    let request = publisher
        .tus(Method::POST, "/1.0/uploads")
        .header("Upload-Length", 1000)
        .header("Upload-Metadata", metadata(&content))
        .header("Content-Type", "application/offset+octet-stream")
        .body(content[..600].to_vec());
    let created = Answer::of(request).await;
    assert_eq!(
        (created.status, created.header("upload-offset").as_str()),
        (201, "600")
    );
    let last = publisher
        .append(&created.header("location"), 600, &content[600..])
        .await;
    assert_eq!(last.header("upload-offset"), "1000");
}

#[tokio::test]
async fn bytes_at_another_offset_are_refused_and_harm_nothing() {
    let (_server, publisher) = publisher().await;
    let content = content(1000);
    let location = publisher.create_upload(&content).await.header("location");
    publisher.append(&location, 0, &content[..500]).await;
    for wrong in [0, 499, 501] {
        let refused = publisher.append(&location, wrong, &content[wrong..]).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (409, "upload_offset_conflict")
        );
        assert_eq!(refused.header("tus-resumable"), "1.0.0");
        assert_eq!(refused.header("upload-offset"), "500");
    }
    assert_eq!(
        offset(&publisher, &location).await.header("upload-offset"),
        "500"
    );
}

#[tokio::test]
async fn content_that_is_not_what_was_announced_is_refused_and_not_kept() {
    let (_server, publisher) = publisher().await;
    let announced = content(1000);
    let location = publisher.create_upload(&announced).await.header("location");
    let other = vec![0; 1000];
    let refused = publisher.append(&location, 0, &other).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (422, "digest_mismatch")
    );
    let again = publisher.create_upload(&announced).await;
    assert_eq!(again.header("upload-offset"), "0");
}

#[tokio::test]
async fn more_bytes_than_announced_are_refused() {
    let (_server, publisher) = publisher().await;
    let location = publisher
        .create_upload(&content(1000))
        .await
        .header("location");
    let refused = publisher.append(&location, 0, &content(1001)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "too_large")
    );
}

#[tokio::test]
async fn an_upload_that_is_given_up_is_gone() {
    let (_server, publisher) = publisher().await;
    let location = publisher
        .create_upload(&content(1000))
        .await
        .header("location");
    let removed = Answer::of(publisher.tus(Method::DELETE, &location)).await;
    assert_eq!(removed.status, 204);
    assert_eq!(offset(&publisher, &location).await.status, 404);
    assert_eq!(
        publisher.append(&location, 0, b"x").await.code(),
        "upload_not_found"
    );
}

#[tokio::test]
async fn another_version_of_the_protocol_is_refused_with_the_one_that_is_spoken() {
    let (_server, publisher) = publisher().await;
    let location = publisher
        .create_upload(&content(1000))
        .await
        .header("location");
    for method in [Method::HEAD, Method::PATCH, Method::DELETE] {
        let request = publisher
            .request(method, &location)
            .header("Tus-Resumable", "0.2.2");
        let refused = Answer::of(request).await;
        assert_eq!(refused.status, 412);
        assert_eq!(refused.header("tus-version"), "1.0.0");
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let (_server, publisher) = publisher().await;
    let location = publisher
        .create_upload(&content(1000))
        .await
        .header("location");
    let request = publisher
        .tus(Method::PATCH, &location)
        .header("Upload-Offset", 0)
        .body("x");
    let refused = Answer::of(request).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (415, "unsupported_media_type")
    );
}
