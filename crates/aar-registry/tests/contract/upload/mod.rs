mod concurrency;
mod folder;
mod limits;

use std::{io, sync::Arc, time::Duration};

use aar_registry::{Error, Registry, Upload, UploadId, UploadNew};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::{Notify, mpsc};

use crate::backend::{
    EXPIRY, Fixture, blob, body, digest, noise, on_every_backend, on_folders, refused,
};

/// A body fed through a channel. It notifies each time that it waits for more.
pub(crate) fn channel_body() -> (
    mpsc::Sender<Bytes>,
    Arc<Notify>,
    impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let waits = Arc::new(Notify::new());
    let notify = Arc::clone(&waits);
    let body = stream::unfold((receiver, 0), move |(mut receiver, sent)| {
        let notify = Arc::clone(&notify);
        async move {
            if sent > 0 {
                notify.notify_one();
            }
            let piece = receiver.recv().await?;
            Some((Ok(piece), (receiver, sent + 1)))
        }
    });
    (sender, waits, body)
}

fn staged(fixture: &Fixture, id: UploadId) -> std::path::PathBuf {
    fixture.object("staging").join(id.to_string())
}

async fn offset(fixture: &Fixture, id: UploadId) -> u64 {
    fixture.operator().upload(id).await.unwrap().unwrap().offset
}

/// A body that hangs after these bytes. It notifies when all of them were read.
fn hanging(
    content: &[u8],
) -> (
    impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<>,
    Arc<Notify>,
) {
    let drained = Arc::new(Notify::new());
    let chunks: Vec<_> = content
        .chunks(100_000)
        .map(Bytes::copy_from_slice)
        .collect();
    let notify = Arc::clone(&drained);
    let hang = stream::once(async move {
        notify.notify_one();
        std::future::pending().await
    });
    (stream::iter(chunks).map(Ok).chain(hang), drained)
}

/// A body that breaks after these bytes.
fn breaking(content: &[u8]) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<> {
    let chunks = [
        Ok(Bytes::copy_from_slice(content)),
        Err(io::ErrorKind::ConnectionReset.into()),
    ];
    stream::iter(chunks)
}

/// Sends the rest of the content.
async fn append_rest(fixture: &Fixture, upload: &Upload, content: &[u8]) -> Upload {
    let from = offset(fixture, upload.id).await;
    let rest = body([&content[usize::try_from(from).unwrap()..]]);
    fixture
        .operator()
        .append(upload.id, from, rest)
        .await
        .unwrap()
}

#[tokio::test]
async fn image_is_stored_with_the_last_of_several_requests() {
    on_every_backend(async |fixture| {
        let content = noise(2_000_000);
        let upload = fixture.begin_upload(&content).await;
        assert_eq!((upload.offset, upload.complete), (0, false));
        let mut from = 0;
        for piece in content.chunks(700_000) {
            let done = fixture
                .operator()
                .append(upload.id, from, body([piece]))
                .await
                .unwrap();
            from += piece.len() as u64;
            assert_eq!((done.offset, done.complete), (from, from == 2_000_000));
        }
        let digest = digest(&content);
        assert!(fixture.content(&blob(&digest)).unwrap() == content);
        assert_eq!(fixture.staged(), 0);
        let stored = fixture.operator().upload(upload.id).await.unwrap().unwrap();
        assert!(stored.complete);
    })
    .await;
}

#[tokio::test]
async fn upload_continues_after_a_restart() {
    on_every_backend(async |mut fixture| {
        let content = noise(2_000_000);
        let upload = fixture.begin_upload(&content).await;
        let first = body([&content[..1_234_567]]);
        fixture
            .operator()
            .append(upload.id, 0, first)
            .await
            .unwrap();
        fixture.restart().await;
        assert_eq!(offset(&fixture, upload.id).await, 1_234_567);
        assert!(append_rest(&fixture, &upload, &content).await.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    })
    .await;
}

#[tokio::test]
async fn run_to_completion_bytes_before_a_broken_connection_are_kept() {
    on_every_backend(async |fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let broken = fixture
            .operator()
            .append(upload.id, 0, breaking(&content[..500_000]))
            .await;
        let Error::UploadInterrupted { offset: kept, .. } = refused(broken) else {
            panic!("not interrupted");
        };
        assert_eq!(kept, 500_000);
        assert_eq!(offset(&fixture, upload.id).await, 500_000);
        assert!(append_rest(&fixture, &upload, &content).await.complete);
    })
    .await;
}

#[tokio::test]
async fn silent_body_is_interrupted() {
    on_every_backend(async |mut fixture| {
        fixture.registry.close().await;
        fixture.options.uploads.stall_after = Duration::from_millis(200);
        fixture.registry = Registry::open(fixture.options.clone()).await.unwrap();
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let (silent, _) = hanging(&content[..500_000]);
        let silent = fixture.operator().append(upload.id, 0, silent).await;
        assert!(matches!(
            refused(silent),
            Error::UploadInterrupted {
                offset: 500_000,
                ..
            }
        ));
    })
    .await;
}

#[tokio::test]
async fn whole_or_not_there_wrong_digest_discards_everything() {
    on_every_backend(async |fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let mut wrong = content.clone();
        wrong[450_000] ^= 1;
        let ended = fixture
            .operator()
            .append(upload.id, 0, body([&wrong]))
            .await;
        let Error::DigestMismatch { expected, found } = refused(ended) else {
            panic!("not a mismatch");
        };
        assert_eq!((expected, found), (digest(&content), digest(&wrong)));
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
        assert_eq!(fixture.staged(), 0);
        for digest in [digest(&content), digest(&wrong)] {
            assert!(!fixture.has(&blob(&digest)));
        }
    })
    .await;
}

#[tokio::test]
async fn body_longer_than_announced_is_refused() {
    on_every_backend(async |fixture| {
        let upload = fixture.begin_upload(b"four").await;
        let longer = fixture
            .operator()
            .append(upload.id, 0, body([b"four", b"!"]))
            .await;
        assert!(matches!(
            refused(longer),
            Error::UploadTooLong { length: 4, .. }
        ));
        assert!(append_rest(&fixture, &upload, b"four").await.complete);
    })
    .await;
}

#[tokio::test]
async fn upload_of_a_known_digest_is_complete_at_once() {
    on_every_backend(async |fixture| {
        let content = noise(10_000);
        fixture.store_raw(&content).await;
        let again = fixture.begin_upload(&content).await;
        assert_eq!((again.offset, again.complete), (10_000, true));
        assert_eq!(
            fixture.operator().upload(again.id).await.unwrap(),
            Some(again.clone())
        );
        let nothing = fixture
            .operator()
            .append(again.id, 10_000, body([]))
            .await
            .unwrap();
        assert!(nothing.complete);

        let new = UploadNew {
            length: 9_999,
            digest: again.digest,
        };
        let other_size = fixture.operator().create_upload(new, "").await;
        assert!(matches!(
            refused(other_size),
            Error::ImageSizeMismatch { .. }
        ));
    })
    .await;
}
