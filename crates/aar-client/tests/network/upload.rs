//! Uploads over a network and to a registry that fail now and then.

use crate::support::{
    Place, client, content, image,
    uploads::{Accident, Uploads},
    watched,
};
use aar_client::{Error, RegistryClient, Transfer};
use proptest::prelude::*;

const LENGTH: usize = 3_000_000;

async fn send(
    client: &RegistryClient,
    content: &[u8],
    memory: &mut Option<String>,
) -> Result<(), Error> {
    let place = Place::new();
    let path = place.write(content);
    client
        .upload(&path, &image(content), memory, &Transfer::default())
        .await
}

#[tokio::test]
async fn an_image_arrives_in_parts_over_one_connection() {
    let content = content(70 << 20);
    let uploads = Uploads::new(vec![]);
    let server = uploads.serve().await;
    let place = Place::new();
    let path = place.write(&content);
    let (transfer, progress) = watched();
    let mut memory = None;
    client(&server)
        .upload(&path, &image(&content), &mut memory, &transfer)
        .await
        .unwrap();
    assert!(uploads.stored(0) == content, "another content arrived");
    assert_eq!(memory, None);
    let seen = server.seen();
    let parts: Vec<_> = seen[1..]
        .iter()
        .map(|seen| seen.header("content-length").unwrap())
        .collect();
    assert_eq!(parts, ["33554432", "33554432", "6291456"]);
    assert!(
        seen.iter()
            .all(|other| other.connection == seen[0].connection)
    );
    assert_eq!(progress.lock().unwrap().last(), Some(&(70 << 20)));
}

#[tokio::test]
async fn what_the_registry_has_is_not_sent() {
    let uploads = Uploads::that_know_everything();
    let server = uploads.serve().await;
    let mut memory = None;
    send(&client(&server), &content(LENGTH), &mut memory)
        .await
        .unwrap();
    assert_eq!(server.seen().len(), 1);
    assert_eq!(memory, None);
}

#[tokio::test]
async fn after_a_drop_it_goes_on_at_the_offset_of_the_registry() {
    let content = content(LENGTH);
    let uploads = Uploads::new(vec![Accident::Cut(1_000_000), Accident::Cut(500_000)]);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(0) == content, "another content arrived");
    assert_eq!(uploads.sessions(), 1);
    let seen = server.seen();
    let offsets: Vec<_> = seen
        .iter()
        .filter(|seen| seen.method == "PATCH")
        .map(|seen| seen.header("upload-offset").unwrap().to_owned())
        .collect();
    assert_eq!(offsets, ["0", "1000000", "1500000"]);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    let content = content(LENGTH);
    let uploads = Uploads::new(vec![Accident::LoseAnswer]);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(0) == content, "another content arrived");
    assert_eq!(server.seen().last().unwrap().method, "HEAD");
}

#[tokio::test]
async fn a_restarted_process_goes_on_with_the_upload_it_remembers() {
    let content = content(LENGTH);
    let uploads = Uploads::new(vec![]);
    uploads.begin(LENGTH, &content[..2_000_000]);
    let server = uploads.serve().await;
    let mut memory = Some(server.url().join("1.0/uploads/0").unwrap().to_string());
    send(&client(&server), &content, &mut memory).await.unwrap();
    assert!(uploads.stored(0) == content, "another content arrived");
    assert_eq!((uploads.sessions(), memory), (1, None));
    let seen = server.seen();
    assert_eq!(seen[1].header("content-length"), Some("1000000"));
}

#[tokio::test]
async fn an_interrupted_upload_leaves_its_address_behind() {
    let content = content(LENGTH);
    let uploads = Uploads::new(vec![Accident::Refuse(503, "unavailable"); 10]);
    let server = uploads.serve().await;
    let mut memory = None;
    // A refusal can get lost behind a body that nobody reads; then the connection is seen to break.
    let sent = send(&client(&server), &content, &mut memory).await;
    sent.unwrap_err();
    let address = server.url().join("1.0/uploads/0").unwrap().to_string();
    assert_eq!(memory, Some(address));
}

#[tokio::test]
async fn an_upload_that_expired_begins_anew() {
    let content = content(LENGTH);
    let uploads = Uploads::new(vec![Accident::Cut(1_000_000), Accident::Expire]);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(1) == content, "another content arrived");

    let mut memory = Some("https://127.0.0.1:1/1.0/uploads/9".to_owned());
    send(&client(&server), &content, &mut memory).await.unwrap();
    let mut memory = Some(server.url().join("1.0/uploads/9").unwrap().to_string());
    send(&client(&server), &content, &mut memory).await.unwrap();
    assert!(uploads.stored(3) == content, "another content arrived");
}

#[tokio::test]
async fn a_remembered_upload_of_another_length_is_not_continued() {
    let content = content(LENGTH);
    let uploads = Uploads::new(vec![]);
    uploads.begin(10, b"other");
    let server = uploads.serve().await;
    let mut memory = Some(server.url().join("1.0/uploads/0").unwrap().to_string());
    send(&client(&server), &content, &mut memory).await.unwrap();
    assert!(uploads.stored(1) == content, "another content arrived");
}

#[tokio::test]
async fn a_file_that_is_not_the_image_is_reported() {
    let uploads = Uploads::new(vec![]);
    let server = uploads.serve().await;
    let client = client(&server);
    let place = Place::new();
    let good = content(LENGTH);
    let mut changed = good.clone();
    changed[5] ^= 1;
    let path = place.write(&changed);
    let mut memory = None;
    let transfer = Transfer::default();
    let result = client
        .upload(&path, &image(&good), &mut memory, &transfer)
        .await;
    assert!(
        matches!(result, Err(Error::ImageDiffers { .. })),
        "{result:?}"
    );
    assert_eq!(memory, None);

    let path = place.write(&good[1..]);
    let asked = server.seen().len();
    let result = client
        .upload(&path, &image(&good), &mut memory, &transfer)
        .await;
    assert!(
        matches!(result, Err(Error::ImageDiffers { .. })),
        "{result:?}"
    );
    assert_eq!(server.seen().len(), asked);
}

#[tokio::test]
async fn a_lock_that_a_dead_connection_left_is_waited_for() {
    let content = content(LENGTH);
    // More often than failures are forgiven.
    let accidents = vec![Accident::Refuse(423, "upload_locked"); 7];
    let uploads = Uploads::new(accidents);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(0) == content, "another content arrived");
}

#[tokio::test]
async fn an_upload_that_is_being_put_together_is_waited_for() {
    let content = content(LENGTH);
    let accidents = vec![Accident::LoseAnswer];
    let uploads = Uploads::refusing_looks(accidents, vec![423, 409]);
    let server = uploads.serve().await;
    send(&client(&server), &content, &mut None).await.unwrap();
    assert!(uploads.stored(0) == content, "another content arrived");
    let asked: Vec<_> = server.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(asked, ["POST", "PATCH", "HEAD", "HEAD", "HEAD"]);
}

#[tokio::test]
async fn a_full_registry_is_reported_with_what_to_do() {
    let uploads = Uploads::new(vec![Accident::Refuse(507, "storage_full")]);
    let server = uploads.serve().await;
    let error = send(&client(&server), &content(LENGTH), &mut None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("free space"), "{error}");
}

#[tokio::test]
async fn cancelling_keeps_the_address() {
    let uploads = Uploads::new(vec![]);
    let server = uploads.serve().await;
    let place = Place::new();
    let content = content(LENGTH);
    let path = place.write(&content);
    let (mut transfer, _) = watched();
    let cancelled = transfer.cancelled.clone();
    transfer.progress = std::sync::Arc::new(move |_| cancelled.cancel());
    let mut memory = None;
    let result = client(&server)
        .upload(&path, &image(&content), &mut memory, &transfer)
        .await;
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert!(memory.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn wherever_it_is_cut_the_right_bytes_arrive(
        length in 1_usize..2_500_000,
        cuts in prop::collection::vec(1_usize..2_500_000, 0..6),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let content = content(length);
            let uploads = Uploads::new(cuts.into_iter().map(Accident::Cut).collect());
            let server = uploads.serve().await;
            send(&client(&server), &content, &mut None).await.unwrap();
            assert!(uploads.stored(0) == content, "another content arrived");
        });
    }
}
