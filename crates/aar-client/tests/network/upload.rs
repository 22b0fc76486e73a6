//! Uploads to a registry, with faults.

use std::time::{Duration, Instant};

use crate::support::{
    TestFolder, client, content,
    early_refusal::EarlyRefusalServer,
    image, options_for, recording_transfer,
    uploads::{Fault, TestUploads},
};
use aar_client::{Error, RegistryClient, Transfer};
use proptest::prelude::*;

const LENGTH: usize = 3_000_000;

async fn send(
    client: &RegistryClient,
    content: &[u8],
    store: &mut Option<String>,
) -> Result<(), Error> {
    let folder = TestFolder::new();
    let path = folder.write(content);
    client
        .upload(&path, &image(content), store, &Transfer::default())
        .await
}

#[tokio::test]
async fn image_is_uploaded_in_parts_over_one_connection() {
    let content = content(70 << 20);
    let uploads = TestUploads::new(vec![]);
    let server = uploads.serve().await;
    let folder = TestFolder::new();
    let path = folder.write(&content);
    let (transfer, progress) = recording_transfer();
    let mut store = None;
    client(&server)
        .upload(&path, &image(&content), &mut store, &transfer)
        .await
        .unwrap();
    assert!(uploads.stored(0) == content, "other content was stored");
    assert_eq!(store, None);
    let requests = server.requests();
    let parts: Vec<_> = requests[1..]
        .iter()
        .map(|request| request.header("content-length").unwrap())
        .collect();
    assert_eq!(parts, ["33554432", "33554432", "6291456"]);
    assert!(
        requests
            .iter()
            .all(|other| other.connection == requests[0].connection)
    );
    assert_eq!(progress.lock().unwrap().last(), Some(&(70 << 20)));
}

#[tokio::test]
async fn stored_image_is_not_sent() {
    let uploads = TestUploads::with_stored_image();
    let server = uploads.serve().await;
    let mut store = None;
    send(&client(&server), &content(LENGTH), &mut store)
        .await
        .unwrap();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(store, None);
}

#[tokio::test]
async fn interrupted_upload_continues_at_the_offset_of_the_registry() {
    let content = content(LENGTH);
    let uploads = TestUploads::new(vec![Fault::Cut(1_000_000), Fault::Cut(500_000)]);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(0) == content, "other content was stored");
    assert_eq!(uploads.sessions(), 1);
    let requests = server.requests();
    let offsets: Vec<_> = requests
        .iter()
        .filter(|request| request.method == "PATCH")
        .map(|request| request.header("upload-offset").unwrap().to_owned())
        .collect();
    assert_eq!(offsets, ["0", "1000000", "1500000"]);
}

#[tokio::test]
async fn lost_response_is_followed_by_a_head_request() {
    let content = content(LENGTH);
    let uploads = TestUploads::new(vec![Fault::LoseResponse]);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(0) == content, "other content was stored");
    assert_eq!(server.requests().last().unwrap().method, "HEAD");
}

#[tokio::test]
async fn restarted_process_continues_the_stored_upload() {
    let content = content(LENGTH);
    let uploads = TestUploads::new(vec![]);
    uploads.begin(LENGTH, &content[..2_000_000]);
    let server = uploads.serve().await;
    let mut store = Some(server.url().join("1.0/uploads/0").unwrap().to_string());
    send(&client(&server), &content, &mut store).await.unwrap();
    assert!(uploads.stored(0) == content, "other content was stored");
    assert_eq!((uploads.sessions(), store), (1, None));
    let requests = server.requests();
    assert_eq!(requests[1].header("content-length"), Some("1000000"));
}

#[tokio::test]
async fn failed_upload_keeps_its_url() {
    let content = content(LENGTH);
    let uploads = TestUploads::new(vec![Fault::Refuse(503, "unavailable"); 10]);
    let server = uploads.serve().await;
    let mut store = None;
    let sent = send(&client(&server), &content, &mut store).await;
    assert!(
        matches!(sent, Err(Error::Refused { status: 503, .. })),
        "{sent:?}"
    );
    let address = server.url().join("1.0/uploads/0").unwrap().to_string();
    assert_eq!(store, Some(address));
}

#[tokio::test]
async fn expired_upload_is_created_again() {
    let content = content(LENGTH);
    let uploads = TestUploads::new(vec![Fault::Cut(1_000_000), Fault::Expire]);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(1) == content, "other content was stored");

    let mut store = Some("https://127.0.0.1:1/1.0/uploads/9".to_owned());
    send(&client(&server), &content, &mut store).await.unwrap();
    let mut store = Some(server.url().join("1.0/uploads/9").unwrap().to_string());
    send(&client(&server), &content, &mut store).await.unwrap();
    assert!(uploads.stored(3) == content, "other content was stored");
}

#[tokio::test]
async fn stored_upload_of_another_length_is_not_continued() {
    let content = content(LENGTH);
    let uploads = TestUploads::new(vec![]);
    uploads.begin(10, b"other");
    let server = uploads.serve().await;
    let mut store = Some(server.url().join("1.0/uploads/0").unwrap().to_string());
    send(&client(&server), &content, &mut store).await.unwrap();
    assert!(uploads.stored(1) == content, "other content was stored");
}

#[tokio::test]
async fn file_that_differs_from_the_image_is_reported() {
    let uploads = TestUploads::new(vec![]);
    let server = uploads.serve().await;
    let client = client(&server);
    let folder = TestFolder::new();
    let declared = content(LENGTH);
    let mut changed = declared.clone();
    changed[5] ^= 1;
    let path = folder.write(&changed);
    let mut store = None;
    let transfer = Transfer::default();
    let result = client
        .upload(&path, &image(&declared), &mut store, &transfer)
        .await;
    assert!(
        matches!(result, Err(Error::ImageDiffers { .. })),
        "{result:?}"
    );
    assert_eq!(store, None);

    let path = folder.write(&declared[1..]);
    let requests = server.requests().len();
    let result = client
        .upload(&path, &image(&declared), &mut store, &transfer)
        .await;
    assert!(
        matches!(result, Err(Error::ImageDiffers { .. })),
        "{result:?}"
    );
    assert_eq!(server.requests().len(), requests);
}

#[tokio::test]
async fn locked_upload_is_waited_for() {
    let content = content(LENGTH);
    // More often than failures are retried.
    let faults = vec![Fault::Refuse(423, "upload_locked"); 7];
    let uploads = TestUploads::new(faults);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(0) == content, "other content was stored");
}

#[tokio::test]
async fn upload_that_is_locked_for_head_is_waited_for() {
    let content = content(LENGTH);
    let faults = vec![Fault::LoseResponse];
    let uploads = TestUploads::refusing_head(faults, vec![423, 409]);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(0) == content, "other content was stored");
    let requests: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.method)
        .collect();
    assert_eq!(requests, ["POST", "PATCH", "HEAD", "HEAD", "HEAD"]);
}

#[tokio::test]
async fn full_registry_is_reported_with_advice() {
    let uploads = TestUploads::new(vec![Fault::Refuse(507, "storage_full")]);
    let server = uploads.serve().await;
    let error = send(&client(&server), &content(LENGTH), &mut None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("free space"), "{error}");
}

#[tokio::test]
async fn early_refusal_with_a_reset_connection_is_reported_at_once() {
    let content = content(40 << 20);
    let folder = TestFolder::new();
    let path = folder.write(&content);
    let image = image(&content);
    for (status, code) in [
        (401, "certificate_required"),
        (403, "role_insufficient"),
        (413, "too_large"),
        (507, "storage_full"),
    ] {
        let server = EarlyRefusalServer::start(status, code).await;
        let options = options_for(server.url.clone(), server.fingerprint);
        let client = RegistryClient::new(options).unwrap();
        let start = Instant::now();
        let sent = client
            .upload(&path, &image, &mut None, &Transfer::default())
            .await;
        let refused =
            matches!(&sent, Err(Error::Refused { status: refused, .. }) if *refused == status);
        assert!(refused, "{status}: {sent:?}");
        assert_eq!(server.parts(), 1);
        assert!(start.elapsed() < Duration::from_secs(5), "{status}");
    }
}

#[tokio::test]
async fn cancelled_upload_keeps_its_url() {
    let uploads = TestUploads::new(vec![]);
    let server = uploads.serve().await;
    let folder = TestFolder::new();
    let content = content(LENGTH);
    let path = folder.write(&content);
    let (mut transfer, _) = recording_transfer();
    let cancelled = transfer.cancelled.clone();
    transfer.progress = std::sync::Arc::new(move |_| cancelled.cancel());
    let mut store = None;
    let result = client(&server)
        .upload(&path, &image(&content), &mut store, &transfer)
        .await;
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert!(store.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn upload_with_any_interruptions_has_the_right_content(
        length in 1_usize..2_500_000,
        cuts in prop::collection::vec(1_usize..2_500_000, 0..6),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let content = content(length);
            let uploads = TestUploads::new(cuts.into_iter().map(Fault::Cut).collect());
            let server = uploads.serve().await;
            send(&client(&server), &content, &mut None).await.unwrap();
            assert!(uploads.stored(0) == content, "other content was stored");
        });
    }
}
