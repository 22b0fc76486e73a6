//! The tus protocol.

use aar_http::Method;

use crate::{
    content::{content, metadata},
    personas::{FullResponse, Persona, TestServer},
};

async fn publisher() -> (TestServer, Persona) {
    let server = TestServer::start().await;
    let publisher = server.publisher().await;
    (server, publisher)
}

async fn offset(publisher: &Persona, location: &str) -> FullResponse {
    FullResponse::of(publisher.tus(Method::HEAD, location)).await
}

#[tokio::test]
async fn options_show_the_supported_protocol() {
    let (_server, publisher) = publisher().await;
    let response = FullResponse::of(publisher.request(Method::OPTIONS, "/1.0/uploads")).await;
    assert_eq!(response.status, 204);
    assert_eq!(response.header("tus-resumable"), "1.0.0");
    assert_eq!(response.header("tus-version"), "1.0.0");
    assert_eq!(
        response.header("tus-extension"),
        "creation,creation-with-upload,expiration,termination"
    );
    assert_eq!(response.header("tus-max-size"), (256_u64 << 30).to_string());
}

#[tokio::test]
async fn image_is_uploaded_in_parts() {
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

    let upload = offset(&publisher, &location).await;
    assert_eq!(upload.status, 200);
    assert_eq!(upload.header("upload-offset"), "400000");
    assert_eq!(upload.header("upload-length"), "1000000");
    assert_eq!(upload.header("cache-control"), "no-store");

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
async fn upload_resumes_after_a_restart() {
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
async fn stored_image_needs_no_bytes() {
    let (_server, publisher) = publisher().await;
    let content = content(6000);
    publisher.publish("a/amd64/versions/0", &content).await;
    let created = publisher.create_upload(&content).await;
    assert_eq!(
        (created.status, created.header("upload-offset").as_str()),
        (201, "6000")
    );
}

#[tokio::test]
async fn creation_can_have_the_first_bytes() {
    let (_server, publisher) = publisher().await;
    let content = content(6000);
    let request = publisher
        .tus(Method::POST, "/1.0/uploads")
        .header("Upload-Length", 6000)
        .header("Upload-Metadata", metadata(&content))
        .header("Content-Type", "application/offset+octet-stream")
        .body(content[..600].to_vec());
    let created = FullResponse::of(request).await;
    assert_eq!(
        (created.status, created.header("upload-offset").as_str()),
        (201, "600")
    );
    let last = publisher
        .append(&created.header("location"), 600, &content[600..])
        .await;
    assert_eq!(last.header("upload-offset"), "6000");
}

#[tokio::test]
async fn head_of_an_upload_has_the_metadata_of_its_creation() {
    let (_server, publisher) = publisher().await;
    let content = content(6000);
    let all = format!("filename YS50YXI=,{},private", metadata(&content));
    let create = async |metadata: &str| {
        let request = publisher.tus(Method::POST, "/1.0/uploads");
        let request = request.header("Upload-Length", 6000);
        FullResponse::of(request.header("Upload-Metadata", metadata)).await
    };
    let location = create(&all).await.header("location");
    assert_eq!(
        offset(&publisher, &location)
            .await
            .header("upload-metadata"),
        all
    );
    assert_eq!(create(&all).await.header("location"), location);
    let digest = metadata(&content);
    let other = create(&digest).await.header("location");
    assert_ne!(other, location);
    assert_eq!(
        offset(&publisher, &other).await.header("upload-metadata"),
        digest
    );
}

#[tokio::test]
async fn bytes_at_another_offset_are_refused() {
    let (_server, publisher) = publisher().await;
    let content = content(6000);
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
async fn content_with_another_digest_is_refused_and_deleted() {
    let (_server, publisher) = publisher().await;
    let announced = content(6000);
    let location = publisher.create_upload(&announced).await.header("location");
    let other = vec![0; 6000];
    let refused = publisher.append(&location, 0, &other).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (422, "digest_mismatch")
    );
    let again = publisher.create_upload(&announced).await;
    assert_eq!(again.header("upload-offset"), "0");
}

#[tokio::test]
async fn more_bytes_than_declared_are_refused() {
    let (_server, publisher) = publisher().await;
    let location = publisher
        .create_upload(&content(6000))
        .await
        .header("location");
    let refused = publisher.append(&location, 0, &content(6001)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "too_large")
    );
}

#[tokio::test]
async fn cancelled_upload_is_deleted() {
    let (_server, publisher) = publisher().await;
    let location = publisher
        .create_upload(&content(6000))
        .await
        .header("location");
    let removed = FullResponse::of(publisher.tus(Method::DELETE, &location)).await;
    assert_eq!(removed.status, 204);
    assert_eq!(offset(&publisher, &location).await.status, 404);
    assert_eq!(
        publisher.append(&location, 0, b"x").await.code(),
        "upload_not_found"
    );
}

#[tokio::test]
async fn other_protocol_version_is_refused_with_the_supported_one() {
    let (_server, publisher) = publisher().await;
    let location = publisher
        .create_upload(&content(6000))
        .await
        .header("location");
    for method in [Method::HEAD, Method::PATCH, Method::DELETE] {
        let request = publisher
            .request(method, &location)
            .header("Tus-Resumable", "0.2.2");
        let refused = FullResponse::of(request).await;
        assert_eq!(refused.status, 412);
        assert_eq!(refused.header("tus-version"), "1.0.0");
    }
}

#[tokio::test]
async fn body_of_another_media_type_is_refused() {
    let (_server, publisher) = publisher().await;
    let location = publisher
        .create_upload(&content(6000))
        .await
        .header("location");
    let request = publisher
        .tus(Method::PATCH, &location)
        .header("Upload-Offset", 0)
        .body("x");
    let refused = FullResponse::of(request).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (415, "unsupported_media_type")
    );
}
