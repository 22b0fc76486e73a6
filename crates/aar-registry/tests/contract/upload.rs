use std::{io, os::unix::fs::symlink, sync::Arc, time::Duration};

use aar_registry::{Error, Registry, Upload, UploadId, UploadNew};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::{Notify, mpsc};

use crate::backend::{
    EXPIRY, Fixture, blob, body, image, noise, on_every_backend, on_folders, refused,
};

/// A body that gives what is sent to it, and what tells each time that it waits for more.
pub(crate) fn by_hand() -> (
    mpsc::Sender<Bytes>,
    Arc<Notify>,
    impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let waits = Arc::new(Notify::new());
    let tell = Arc::clone(&waits);
    let body = stream::unfold((receiver, 0), move |(mut receiver, given)| {
        let tell = Arc::clone(&tell);
        async move {
            if given > 0 {
                tell.notify_one();
            }
            let piece = receiver.recv().await?;
            Some((Ok(piece), (receiver, given + 1)))
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

/// A body that gives these bytes and then nothing more, and does not end; and what tells that all
/// of it has been taken.
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
    let tell = Arc::clone(&drained);
    let hang = stream::once(async move {
        tell.notify_one();
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

async fn rest(fixture: &Fixture, upload: &Upload, content: &[u8]) -> Upload {
    let from = offset(fixture, upload.id).await;
    let rest = body([&content[usize::try_from(from).unwrap()..]]);
    fixture
        .operator()
        .append(upload.id, from, rest)
        .await
        .unwrap()
}

on_every_backend! {
    async fn an_image_comes_in_pieces_and_is_stored_when_the_last_one_is_there(fixture) {
        let content = noise(2_000_000);
        let upload = fixture.begin_upload(&content).await;
        assert_eq!((upload.offset, upload.complete), (0, false));
        let mut from = 0;
        for piece in content.chunks(700_000) {
            let done = fixture.operator().append(upload.id, from, body([piece])).await.unwrap();
            from += piece.len() as u64;
            assert_eq!((done.offset, done.complete), (from, from == 2_000_000));
        }
        let digest = image(&content).digest;
        assert!(fixture.content(&blob(&digest)).unwrap() == content);
        assert_eq!(fixture.staged(), 0);
        let stored = fixture.operator().upload(upload.id).await.unwrap().unwrap();
        assert!(stored.complete);
    }

    async fn an_upload_goes_on_after_a_restart_of_the_server(mut fixture) {
        let content = noise(2_000_000);
        let upload = fixture.begin_upload(&content).await;
        let first = body([&content[..1_234_567]]);
        fixture.operator().append(upload.id, 0, first).await.unwrap();
        fixture.restart().await;
        assert_eq!(offset(&fixture, upload.id).await, 1_234_567);
        assert!(rest(&fixture, &upload, &content).await.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    }

    async fn run_to_completion_what_came_before_a_client_hung_up_is_kept(fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let broken = fixture.operator().append(upload.id, 0, breaking(&content[..500_000])).await;
        let Error::UploadInterrupted { offset: kept, .. } = refused(broken) else {
            panic!("not interrupted");
        };
        assert_eq!(kept, 500_000);
        assert_eq!(offset(&fixture, upload.id).await, 500_000);
        assert!(rest(&fixture, &upload, &content).await.complete);
    }

    async fn run_to_completion_what_came_is_kept_when_nobody_waits_any_more(fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let (send, receive) = mpsc::channel::<io::Result<Bytes>>(1);
        let chunks = stream::unfold(receive, async |mut receive| {
            receive.recv().await.map(|chunk| (chunk, receive))
        });
        let operator = fixture.operator();
        let waiting = tokio::spawn(async move { operator.append(upload.id, 0, chunks).await });
        send.send(Ok(Bytes::copy_from_slice(&content[..300_000]))).await.unwrap();
        while fixture.staged() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        waiting.abort();
        send.send(Ok(Bytes::copy_from_slice(&content[300_000..600_000]))).await.unwrap();
        drop(send);
        let other = fixture.another().await.operator("other");
        while other.upload(upload.id).await.unwrap().unwrap().offset < 600_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(rest(&fixture, &upload, &content).await.complete);
    }

    async fn a_client_that_comes_back_takes_over_from_its_dead_connection(fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let (dead, drained) = hanging(&content[..500_000]);
        let dead = tokio::spawn(async move { operator.append(upload.id, 0, dead).await });
        drained.notified().await;
        // Asking where to continue ends the dead one, and nothing that came over it is lost.
        assert_eq!(offset(&fixture, upload.id).await, 500_000);
        assert!(matches!(refused(dead.await.unwrap()), Error::UploadLocked { .. }));
        assert!(rest(&fixture, &upload, &content).await.complete);
    }

    async fn a_newer_append_ends_the_older_and_is_told_where_to_continue(fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let (dead, drained) = hanging(&content[..500_000]);
        let dead = tokio::spawn(async move { operator.append(upload.id, 0, dead).await });
        drained.notified().await;
        let newer = fixture.operator().append(upload.id, 0, body([&content])).await;
        let Error::UploadOffset { expected, given, .. } = refused(newer) else {
            panic!("not an offset");
        };
        assert_eq!((expected, given), (500_000, 0));
        refused(dead.await.unwrap());
        assert!(rest(&fixture, &upload, &content).await.complete);
    }

    async fn of_two_processes_that_write_to_one_upload_the_second_is_told_where_it_continues(fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let (slow, taken, body_of_slow) = by_hand();
        let operator = fixture.operator();
        let slow_one = tokio::spawn(async move { operator.append(upload.id, 0, body_of_slow).await });
        slow.send(Bytes::copy_from_slice(&content[..600_000])).await.unwrap();
        taken.notified().await;

        let elsewhere = fixture.another().await;
        let other = elsewhere.operator("test");
        let half = other.append(upload.id, 0, body([&content[..500_000]])).await.unwrap();
        assert_eq!(half.offset, 500_000);
        drop(slow);
        let Error::UploadOffset { expected, given, .. } = refused(slow_one.await.unwrap()) else {
            panic!("not an offset");
        };
        assert_eq!((expected, given), (500_000, 0));
        // What the slow one left is in nobody's way.
        let done = rest(&fixture, &upload, &content).await;
        assert!(done.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        elsewhere.close().await;
    }

    async fn who_is_still_writing_when_another_process_has_completed_the_upload_learns_it(fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let (slow, taken, body_of_slow) = by_hand();
        let operator = fixture.operator();
        let slow_one = tokio::spawn(async move { operator.append(upload.id, 0, body_of_slow).await });
        slow.send(Bytes::copy_from_slice(&content[..600_000])).await.unwrap();
        taken.notified().await;

        let elsewhere = fixture.another().await;
        let other = elsewhere.operator("test");
        assert!(other.append(upload.id, 0, body([&content])).await.unwrap().complete);
        slow.send(Bytes::copy_from_slice(&content[600_000..])).await.unwrap();
        drop(slow);
        match slow_one.await.unwrap() {
            Ok(done) => assert!(done.complete),
            Err(Error::UploadOffset { expected, .. }) => assert_eq!(expected, 900_000),
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(offset(&fixture, upload.id).await, 900_000);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        elsewhere.close().await;
    }

    async fn a_body_that_goes_silent_is_given_up(mut fixture) {
        fixture.registry.close().await;
        fixture.options.uploads.stall_after = Duration::from_millis(200);
        fixture.registry = Registry::open(fixture.options.clone()).await.unwrap();
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let (silent, _) = hanging(&content[..500_000]);
        let silent = fixture.operator().append(upload.id, 0, silent).await;
        assert!(matches!(refused(silent), Error::UploadInterrupted { offset: 500_000, .. }));
    }

    async fn whole_or_not_there_a_wrong_digest_discards_everything(fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let mut wrong = content.clone();
        wrong[450_000] ^= 1;
        let ended = fixture.operator().append(upload.id, 0, body([&wrong])).await;
        let Error::DigestMismatch { expected, found } = refused(ended) else {
            panic!("not a mismatch");
        };
        assert_eq!((expected, found), (image(&content).digest, image(&wrong).digest));
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
        assert_eq!(fixture.staged(), 0);
        for info in [image(&content), image(&wrong)] {
            assert!(!fixture.has(&blob(&info.digest)));
        }
    }

    async fn more_than_was_announced_is_refused(fixture) {
        let upload = fixture.begin_upload(b"four").await;
        let longer = fixture.operator().append(upload.id, 0, body([b"four", b"!"])).await;
        assert!(matches!(refused(longer), Error::UploadTooLong { length: 4, .. }));
        assert!(rest(&fixture, &upload, b"four").await.complete);
    }

    async fn a_known_digest_is_complete_at_once(fixture) {
        let content = noise(10_000);
        fixture.store(&content).await;
        let again = fixture.begin_upload(&content).await;
        assert_eq!((again.offset, again.complete), (10_000, true));
        assert_eq!(fixture.operator().upload(again.id).await.unwrap(), Some(again));
        let nothing = fixture.operator().append(again.id, 10_000, body([])).await.unwrap();
        assert!(nothing.complete);

        let new = UploadNew { length: 9_999, digest: again.digest };
        let other_size = fixture.operator().create_upload(new).await;
        assert!(matches!(refused(other_size), Error::ImageSizeMismatch { .. }));
    }

    async fn two_uploads_of_one_image_both_come_to_their_end(fixture) {
        let content = noise(900_000);
        let one = fixture.begin_upload(&content).await;
        let new = UploadNew { length: one.length, digest: one.digest };
        let two = fixture.registry.operator("other").create_upload(new).await.unwrap();
        assert_ne!(one.id, two.id);
        let (one, two) = (rest(&fixture, &one, &content), rest(&fixture, &two, &content));
        let (one, two) = tokio::join!(one, two);
        assert!(one.complete && two.complete);
        assert!(fixture.content(&blob(&one.digest)).unwrap() == content);
        assert_eq!(fixture.staged(), 0);
        assert_eq!(fixture.operator().status().await.unwrap().blobs, 1);
    }

    async fn an_upload_that_is_begun_again_does_not_take_its_space_twice(mut fixture) {
        fixture.registry.close().await;
        fixture.options.uploads.max_staged_bytes = 1_500;
        fixture.registry = Registry::open(fixture.options.clone()).await.unwrap();
        let content = noise(1_000);
        let lost = fixture.begin_upload(&content).await;
        fixture.clock.advance(EXPIRY / 2);
        let again = fixture.begin_upload(&content).await;
        assert_eq!((again.id, again.offset), (lost.id, 0));
        assert_eq!(again.expires_at, fixture.now() + EXPIRY);
        // It is nobody else's, and not another image.
        let new = UploadNew { length: 1_000, digest: lost.digest };
        let others = fixture.registry.operator("other").create_upload(new).await;
        assert!(matches!(refused(others), Error::StagingFull { .. }));
        let other_length = UploadNew { length: 501, ..new };
        let other_length = fixture.operator().create_upload(other_length).await;
        assert!(matches!(refused(other_length), Error::StagingFull { .. }));
        // Nor one that something has come of: whoever asks again does not know that.
        fixture.operator().append(lost.id, 0, body([&content[..100]])).await.unwrap();
        let third = fixture.operator().create_upload(new).await;
        assert!(matches!(refused(third), Error::StagingFull { .. }));
        assert!(rest(&fixture, &lost, &content).await.complete);
    }

    async fn an_upload_that_is_being_written_to_is_not_given_to_who_begins_another(fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let (sender, taken, first) = by_hand();
        let running = tokio::spawn(async move { operator.append(upload.id, 0, first).await });
        sender.send(Bytes::copy_from_slice(&content[..500_000])).await.unwrap();
        taken.notified().await;
        let another = fixture.begin_upload(&content).await;
        assert_ne!(another.id, upload.id);
        sender.send(Bytes::copy_from_slice(&content[500_000..])).await.unwrap();
        drop(sender);
        assert!(running.await.unwrap().unwrap().complete);
    }

    async fn uploads_take_their_whole_length_from_the_start(mut fixture) {
        fixture.registry.close().await;
        fixture.options.uploads.max_open = 2;
        fixture.options.uploads.max_staged_bytes = 100;
        fixture.registry = Registry::open(fixture.options.clone()).await.unwrap();
        let operator = fixture.operator();
        let begin = async |length, byte| {
            let digest = image(&[byte]).digest;
            operator.create_upload(UploadNew { length, digest }).await
        };
        assert!(matches!(refused(begin(0, 0).await), Error::EmptyUpload));
        assert!(matches!(refused(begin(101, 0).await), Error::UploadTooLarge { max: 100, .. }));
        begin(60, 1).await.unwrap();
        let full = refused(begin(41, 2).await);
        assert!(matches!(full, Error::StagingFull { free: 40, length: 41 }), "{full}");
        begin(40, 2).await.unwrap();
        assert!(matches!(refused(begin(1, 3).await), Error::TooManyUploads { max: 2 }));
        // What is stale makes room by itself.
        fixture.clock.advance(EXPIRY);
        begin(100, 3).await.unwrap();
    }

    async fn an_upload_expires_unless_it_is_continued(fixture) {
        let content = noise(1000);
        let upload = fixture.begin_upload(&content).await;
        fixture.clock.advance(EXPIRY / 4 * 3);
        let touched = fixture.operator().append(upload.id, 0, body([&content[..500]])).await;
        assert_eq!(touched.unwrap().expires_at, fixture.now() + EXPIRY);
        fixture.clock.advance(EXPIRY / 4 * 3);
        assert_eq!(offset(&fixture, upload.id).await, 500);
        fixture.clock.advance(EXPIRY / 4);
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
        let late = fixture.operator().append(upload.id, 500, body([&content[500..]])).await;
        assert!(matches!(refused(late), Error::UploadNotFound { .. }));
    }

    async fn an_upload_that_never_comes_further_expires_though_it_is_continued(fixture) {
        let content = noise(1000);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let idle = async |offset: u64, times: usize| {
            for n in 0..times {
                fixture.clock.advance(EXPIRY / 4 * 3);
                if operator.append(upload.id, offset, body([b""])).await.is_err() {
                    return n;
                }
            }
            times
        };
        assert_eq!(idle(0, 5).await, 5);
        // Coming further begins its life anew.
        operator.append(upload.id, 0, body([&content[..500]])).await.unwrap();
        let lived = idle(500, 100).await;
        assert!((5..10).contains(&lived), "{lived}");
        assert_eq!(operator.upload(upload.id).await.unwrap(), None);
        // Who begins it again and again without sending anything does not keep it, either.
        let first = fixture.begin_upload(&content).await.id;
        let mut begun = 0;
        while fixture.begin_upload(&content).await.id == first {
            fixture.clock.advance(EXPIRY / 4 * 3);
            begun += 1;
            assert!(begun < 100);
        }
    }

    async fn an_upload_that_is_given_up_leaves_nothing(fixture) {
        let upload = fixture.begin_upload(b"content").await;
        fixture.operator().append(upload.id, 0, body([b"cont"])).await.unwrap();
        assert!(fixture.operator().terminate(upload.id).await.unwrap());
        assert!(!fixture.operator().terminate(upload.id).await.unwrap());
        assert_eq!(fixture.staged(), 0);
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
    }
}

on_folders! {
    async fn what_lies_beyond_the_durable_offset_is_cut_off(fixture) {
        let content = noise(1_000_000);
        let upload = fixture.begin_upload(&content).await;
        fixture.operator().append(upload.id, 0, body([&content[..400_000]])).await.unwrap();
        // Written, and not yet noted when the machine failed.
        let mut more = std::fs::read(staged(&fixture, upload.id)).unwrap();
        more.resize(700_000, 0);
        std::fs::write(staged(&fixture, upload.id), more).unwrap();
        assert!(rest(&fixture, &upload, &content).await.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    }

    async fn a_full_disk_is_a_clean_failure_that_heals(fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        fixture.operator().append(upload.id, 0, body([b""])).await.unwrap();
        // This file takes no byte: there is no space left on its device.
        std::fs::remove_file(staged(&fixture, upload.id)).unwrap();
        symlink("/dev/full", staged(&fixture, upload.id)).unwrap();
        let full = refused(fixture.operator().append(upload.id, 0, body([&content])).await);
        assert!(matches!(full, Error::StorageFull { .. }), "{full}");
        assert_eq!(full.code(), aar_types::ErrorCode::StorageFull);
        assert_eq!(offset(&fixture, upload.id).await, 0);

        std::fs::remove_file(staged(&fixture, upload.id)).unwrap();
        assert!(rest(&fixture, &upload, &content).await.complete);
    }

    async fn run_to_completion_an_upload_that_was_whole_is_finished_after_a_restart(mut fixture) {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let digest = upload.digest.to_string();
        let place = format!("blobs/sha256/{}/{digest}", &digest[..2]);
        // Everything is durable, and the file cannot be put in its place.
        let obstruction = fixture.obstruct(&place);
        refused(fixture.operator().append(upload.id, 0, body([&content])).await);
        drop(obstruction);
        fixture.restart().await;
        // Now it can, but the program is stopped between the rename and the commit.
        fixture.with_lost_commit(async |operator| {
            assert!(operator.upload(upload.id).await.unwrap().unwrap().complete);
        }).await;
        assert_eq!(fixture.staged(), 0);
        let finished = fixture.operator().upload(upload.id).await.unwrap().unwrap();
        assert!(finished.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        fixture.publish("app", 0, &content).await;
        assert!(fixture.verify().await.is_sound());
    }

    async fn what_was_staged_and_has_gone_cannot_be_continued(fixture) {
        let content = noise(1000);
        let upload = fixture.begin_upload(&content).await;
        fixture.operator().append(upload.id, 0, body([&content[..500]])).await.unwrap();
        std::fs::remove_file(staged(&fixture, upload.id)).unwrap();
        let lost = fixture.operator().append(upload.id, 500, body([&content[500..]])).await;
        assert!(matches!(refused(lost), Error::UploadNotFound { .. }));
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
    }

    async fn a_machine_that_fails_loses_no_more_than_one_checkpoint(fixture) {
        let content = noise(70 << 20);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let (most, _) = hanging(&content[..content.len() - 1]);
        let running = tokio::spawn(async move { operator.append(upload.id, 0, most).await });
        // Another process sees what would be there after a failure, without disturbing anything.
        let other = fixture.another().await;
        let durable = async || other.operator("other").upload(upload.id).await.unwrap().unwrap();
        let mut seen = 0;
        for _ in 0..600 {
            seen = durable().await.offset;
            if seen >= 64 << 20 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(seen >= 64 << 20, "only {seen} bytes are durable");
        running.abort();
        assert!(rest(&fixture, &upload, &content).await.complete);
    }
}
