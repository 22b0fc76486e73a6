//! Downloads from a registry and from storage, with faults.

use std::{sync::Arc, time::Duration};

use crate::support::{
    ARCHITECTURE, NUMBER, TestFolder, client, content, image,
    images::{Fault, serving, status},
    name, recording_transfer,
};
use aar_client::{Error, RegistryClient, Transfer};
use aar_types::ImageInfo;
use proptest::prelude::*;

pub(crate) const LENGTH: usize = 3_000_000;

pub(crate) async fn download(
    client: &RegistryClient,
    image: &ImageInfo,
    folder: &TestFolder,
) -> Result<(), Error> {
    let to = folder.file();
    let transfer = Transfer::default();
    client
        .download(&name(), ARCHITECTURE, NUMBER, image, &to, &transfer)
        .await
}

/// The content of the final file. There must be no partial file.
pub(crate) fn downloaded(folder: &TestFolder) -> Vec<u8> {
    assert!(!folder.partial().exists(), "a partial file is left");
    std::fs::read(folder.file()).unwrap()
}

#[tokio::test]
async fn image_is_downloaded_in_one_request() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let folder = TestFolder::new();
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        requests[0].path,
        "/1.0/applications/app/amd64/versions/3/image"
    );
    assert_eq!(requests[0].header("range"), None);
}

#[tokio::test]
async fn empty_image_is_downloaded() {
    let server = serving(&[], vec![]).await;
    let folder = TestFolder::new();
    download(&client(&server), &image(&[]), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), b"");
}

#[tokio::test]
async fn existing_file_is_verified_and_not_downloaded_again() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let folder = TestFolder::new();
    let client = client(&server);
    download(&client, &image(&content), &folder).await.unwrap();
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(server.requests().len(), 1);

    std::fs::write(folder.file(), vec![0; LENGTH]).unwrap();
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
}

#[tokio::test]
async fn interrupted_download_continues_at_its_offset() {
    let content = content(LENGTH);
    let cuts = [1, 500_000, 1_200_000].map(Fault::Cut).to_vec();
    let server = serving(&content, cuts).await;
    let folder = TestFolder::new();
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert_eq!(requests[3].header("range"), Some("bytes=1700001-"));
    let tag = format!("\"{}\"", image(&content).digest);
    assert_eq!(requests[3].header("if-range"), Some(&*tag));
}

#[tokio::test]
async fn restarted_process_continues_at_the_end_of_the_partial_file() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let folder = TestFolder::new();
    folder.write_partial(&content[..2_345_678]);
    let (transfer, progress) = recording_transfer();
    client(&server)
        .download(
            &name(),
            ARCHITECTURE,
            NUMBER,
            &image(&content),
            &folder.file(),
            &transfer,
        )
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    assert_eq!(server.requests()[0].header("range"), Some("bytes=2345678-"));
    let progress = progress.lock().unwrap();
    assert!(progress.iter().all(|bytes| *bytes > 2_345_678));
    assert_eq!(progress.last(), Some(&(LENGTH as u64)));
}

#[tokio::test]
async fn complete_partial_file_needs_no_request() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let folder = TestFolder::new();
    folder.write_partial(&content);
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn partial_file_with_other_content_is_discarded() {
    let content = content(LENGTH);
    for wrong in [vec![0; 1_000_000], vec![0; LENGTH], vec![0; LENGTH + 1]] {
        let server = serving(&content, vec![]).await;
        let folder = TestFolder::new();
        folder.write_partial(&wrong);
        download(&client(&server), &image(&content), &folder)
            .await
            .unwrap();
        assert_eq!(downloaded(&folder), content);
    }
}

#[tokio::test]
async fn image_with_flipped_byte_is_downloaded_again() {
    let content = content(LENGTH);
    let server = serving(&content, vec![Fault::Flip(1_000_000)]).await;
    let folder = TestFolder::new();
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn image_with_wrong_digest_twice_is_reported_and_discarded() {
    let content = content(LENGTH);
    let server = serving(&content, vec![Fault::Flip(0), Fault::Flip(1)]).await;
    let folder = TestFolder::new();
    let error = download(&client(&server), &image(&content), &folder)
        .await
        .unwrap_err();
    let Error::DigestMismatch { expected, found } = error else {
        panic!("{error}");
    };
    assert_eq!(expected, image(&content).digest);
    assert_ne!(expected, found);
    assert!(!folder.file().exists() && !folder.partial().exists());
}

#[tokio::test]
async fn image_of_another_size_is_downloaded_again() {
    let content = content(LENGTH);
    for fault in [Fault::Short(1_000_000), Fault::Long] {
        let server = serving(&content, vec![fault]).await;
        let folder = TestFolder::new();
        download(&client(&server), &image(&content), &folder)
            .await
            .unwrap();
        assert_eq!(downloaded(&folder), content);
        let requests = server.requests();
        assert_eq!((requests.len(), requests[1].header("range")), (2, None));
    }
}

#[tokio::test]
async fn range_beyond_a_shorter_image_restarts_the_download() {
    let content = content(LENGTH);
    let beyond = vec![("content-range".to_owned(), "bytes */1000000".to_owned())];
    let server = serving(&content, vec![Fault::Status(416, beyond)]).await;
    let folder = TestFolder::new();
    folder.write_partial(&content[..1_500_000]);
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    assert_eq!(server.requests()[1].header("range"), None);
}

#[tokio::test]
async fn response_longer_than_the_image_is_refused() {
    let content = content(LENGTH);
    let server = serving(&content, vec![Fault::LongChunked; 10]).await;
    let folder = TestFolder::new();
    let error = download(&client(&server), &image(&content), &folder)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    assert!(!folder.file().exists());
}

#[tokio::test]
async fn download_that_restarts_repeatedly_fails() {
    let content = content(LENGTH);
    let rounds = vec![[Fault::Cut(1_000_000), Fault::Whole]; 10];
    let server = serving(&content, rounds.concat()).await;
    let folder = TestFolder::new();
    let error = download(&client(&server), &image(&content), &folder)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    assert!(!folder.file().exists());
    // A download that makes progress each time succeeds.
    let folder = TestFolder::new();
    let cuts = (1..8).flat_map(|cut| [Fault::Cut(cut * 400_000), Fault::Whole]);
    let server = serving(&content, cuts.collect()).await;
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
}

#[tokio::test]
async fn response_with_another_range_restarts_the_download() {
    let content = content(LENGTH);
    for fault in [Fault::Whole, Fault::OtherRange, status(416)] {
        let server = serving(&content, vec![Fault::Cut(1_000_000), fault]).await;
        let folder = TestFolder::new();
        download(&client(&server), &image(&content), &folder)
            .await
            .unwrap();
        assert_eq!(downloaded(&folder), content);
        assert_eq!(server.requests()[2].header("range"), None);
    }
}

#[tokio::test]
async fn retry_after_of_the_server_is_respected() {
    let content = content(LENGTH);
    let wait = vec![("retry-after".to_owned(), "1".to_owned())];
    let server = serving(&content, vec![Fault::Status(503, wait)]).await;
    let folder = TestFolder::new();
    let start = std::time::Instant::now();
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn stalled_connection_is_retried_and_a_slow_one_is_not() {
    let content = content(LENGTH);
    let server = serving(
        &content,
        vec![
            Fault::Stall(1_000_000, Duration::from_mins(1)),
            Fault::Stall(500_000, Duration::from_millis(300)),
        ],
    )
    .await;
    let folder = TestFolder::new();
    download(&client(&server), &image(&content), &folder)
        .await
        .unwrap();
    assert_eq!(downloaded(&folder), content);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn repeated_failures_are_reported_and_received_bytes_kept() {
    let content = content(LENGTH);
    let mut faults = vec![Fault::Cut(1_000_000)];
    faults.extend(vec![status(503); 20]);
    let server = serving(&content, faults).await;
    let folder = TestFolder::new();
    let error = download(&client(&server), &image(&content), &folder)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 503, .. }),
        "{error}"
    );
    assert_eq!(server.requests().len(), 4);
    assert_eq!(
        std::fs::read(folder.partial()).unwrap(),
        content[..1_000_000]
    );
}

#[tokio::test]
async fn refusal_is_not_retried() {
    let content = content(10);
    for code in [403, 404] {
        let server = serving(&content, vec![status(code); 5]).await;
        let folder = TestFolder::new();
        let error = download(&client(&server), &image(&content), &folder)
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Refused { status, .. } if status == code),
            "{error}"
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn cancelled_download_is_continued_by_the_next_attempt() {
    let content = content(LENGTH);
    let stall = Fault::Stall(2_500_000, Duration::from_millis(600));
    let server = serving(&content, vec![stall]).await;
    let folder = TestFolder::new();
    let client = client(&server);
    let cancelled = tokio_util::sync::CancellationToken::new();
    let transfer = Transfer {
        progress: Arc::new({
            let cancelled = cancelled.clone();
            move |bytes| {
                if bytes >= 2_500_000 {
                    cancelled.cancel();
                }
            }
        }),
        cancelled,
    };
    let image = image(&content);
    let (name, to) = (name(), folder.file());
    let cancelled = client.download(&name, ARCHITECTURE, NUMBER, &image, &to, &transfer);
    assert!(matches!(cancelled.await, Err(Error::Cancelled)));
    download(&client, &image, &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
    let requests = server.requests();
    assert_eq!(requests[1].header("range"), Some("bytes=2500000-"));
}

#[tokio::test]
async fn concurrent_downloads_to_one_file_take_one_request() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let folder = TestFolder::new();
    let (client, image) = (client(&server), image(&content));
    let both = tokio::join!(
        download(&client, &image, &folder),
        download(&client, &image, &folder)
    );
    both.0.unwrap();
    both.1.unwrap();
    assert_eq!(downloaded(&folder), content);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn full_disk_is_reported_and_the_next_attempt_succeeds() {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let folder = TestFolder::new();
    std::fs::create_dir_all(folder.partial().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.partial()).unwrap();
    let client = client(&server);
    let error = download(&client, &image(&content), &folder)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert!(error.to_string().contains("app.tar.zst.partial"), "{error}");
    std::fs::remove_file(folder.partial()).unwrap();
    download(&client, &image(&content), &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn download_with_any_interruptions_has_the_right_content(
        length in 1_usize..2_500_000,
        cuts in prop::collection::vec(0_usize..2_500_000, 0..6),
        existing in 0_usize..2_500_000,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let content = content(length);
            // A cut at byte 0 makes no progress; too many of those fail the download.
            let cuts = cuts.into_iter().map(|cut| Fault::Cut(cut.max(1)));
            let server = serving(&content, cuts.collect()).await;
            let folder = TestFolder::new();
            folder.write_partial(&content[..existing.min(length)]);
            download(&client(&server), &image(&content), &folder).await.unwrap();
            assert_eq!(downloaded(&folder), content);
        });
    }
}
