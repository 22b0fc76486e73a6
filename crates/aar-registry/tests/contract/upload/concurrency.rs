//! Several requests and processes that write to one upload.

use super::*;

#[tokio::test]
async fn run_to_completion_bytes_are_kept_when_the_caller_stops_waiting() {
    on_every_backend(async |fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let (send, receive) = mpsc::channel::<io::Result<Bytes>>(1);
        let chunks = stream::unfold(receive, async |mut receive| {
            receive.recv().await.map(|chunk| (chunk, receive))
        });
        let operator = fixture.operator();
        let waiting = tokio::spawn(async move { operator.append(upload.id, 0, chunks).await });
        send.send(Ok(Bytes::copy_from_slice(&content[..300_000])))
            .await
            .unwrap();
        while fixture.staged() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        waiting.abort();
        send.send(Ok(Bytes::copy_from_slice(&content[300_000..600_000])))
            .await
            .unwrap();
        drop(send);
        let other = fixture.another().await.operator("other");
        while other.upload(upload.id).await.unwrap().unwrap().offset < 600_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(append_rest(&fixture, &upload, &content).await.complete);
    })
    .await;
}

#[tokio::test]
async fn returning_client_supersedes_its_dead_connection() {
    on_every_backend(async |fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let (dead, drained) = hanging(&content[..500_000]);
        let dead = tokio::spawn(async move { operator.append(upload.id, 0, dead).await });
        drained.notified().await;
        // Asking for the offset ends the dead request, and what it brought is kept.
        assert_eq!(offset(&fixture, upload.id).await, 500_000);
        assert!(matches!(
            refused(dead.await.unwrap()),
            Error::UploadLocked { .. }
        ));
        assert!(append_rest(&fixture, &upload, &content).await.complete);
    })
    .await;
}

#[tokio::test]
async fn newer_request_supersedes_the_older_and_learns_the_offset() {
    on_every_backend(async |fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let (dead, drained) = hanging(&content[..500_000]);
        let dead = tokio::spawn(async move { operator.append(upload.id, 0, dead).await });
        drained.notified().await;
        let newer = fixture
            .operator()
            .append(upload.id, 0, body([&content]))
            .await;
        let Error::UploadOffset {
            expected, given, ..
        } = refused(newer)
        else {
            panic!("not an offset");
        };
        assert_eq!((expected, given), (500_000, 0));
        refused(dead.await.unwrap());
        assert!(append_rest(&fixture, &upload, &content).await.complete);
    })
    .await;
}

#[tokio::test]
async fn slower_of_two_processes_learns_the_offset() {
    on_every_backend(async |fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let (slow, taken, body_of_slow) = channel_body();
        let operator = fixture.operator();
        let slow_one =
            tokio::spawn(async move { operator.append(upload.id, 0, body_of_slow).await });
        slow.send(Bytes::copy_from_slice(&content[..600_000]))
            .await
            .unwrap();
        taken.notified().await;

        let elsewhere = fixture.another().await;
        let other = elsewhere.operator("test");
        let half = other
            .append(upload.id, 0, body([&content[..500_000]]))
            .await
            .unwrap();
        assert_eq!(half.offset, 500_000);
        drop(slow);
        let Error::UploadOffset {
            expected, given, ..
        } = refused(slow_one.await.unwrap())
        else {
            panic!("not an offset");
        };
        assert_eq!((expected, given), (500_000, 0));
        // The bytes of the slow process are ignored.
        let done = append_rest(&fixture, &upload, &content).await;
        assert!(done.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        elsewhere.close().await;
    })
    .await;
}

#[tokio::test]
async fn slower_process_learns_that_the_upload_is_complete() {
    on_every_backend(async |fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let (slow, taken, body_of_slow) = channel_body();
        let operator = fixture.operator();
        let slow_one =
            tokio::spawn(async move { operator.append(upload.id, 0, body_of_slow).await });
        slow.send(Bytes::copy_from_slice(&content[..600_000]))
            .await
            .unwrap();
        taken.notified().await;

        let elsewhere = fixture.another().await;
        let other = elsewhere.operator("test");
        assert!(
            other
                .append(upload.id, 0, body([&content]))
                .await
                .unwrap()
                .complete
        );
        slow.send(Bytes::copy_from_slice(&content[600_000..]))
            .await
            .unwrap();
        drop(slow);
        match slow_one.await.unwrap() {
            Ok(done) => assert!(done.complete),
            Err(Error::UploadOffset { expected, .. }) => assert_eq!(expected, 900_000),
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(offset(&fixture, upload.id).await, 900_000);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        elsewhere.close().await;
    })
    .await;
}

#[tokio::test]
async fn two_uploads_of_one_image_both_complete() {
    on_every_backend(async |fixture| {
        let content = noise(900_000);
        let one = fixture.begin_upload(&content).await;
        let new = UploadNew {
            length: one.length,
            digest: one.digest,
        };
        let two = fixture
            .registry
            .operator("other")
            .create_upload(new, "")
            .await
            .unwrap();
        assert_ne!(one.id, two.id);
        let (one, two) = (
            append_rest(&fixture, &one, &content),
            append_rest(&fixture, &two, &content),
        );
        let (one, two) = tokio::join!(one, two);
        assert!(one.complete && two.complete);
        assert!(fixture.content(&blob(&one.digest)).unwrap() == content);
        assert_eq!(fixture.staged(), 0);
        assert_eq!(fixture.operator().status().await.unwrap().blobs, 1);
    })
    .await;
}

#[tokio::test]
async fn upload_in_use_is_not_returned_to_a_repeated_request() {
    on_every_backend(async |fixture| {
        let content = noise(900_000);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let (sender, taken, first) = channel_body();
        let running = tokio::spawn(async move { operator.append(upload.id, 0, first).await });
        sender
            .send(Bytes::copy_from_slice(&content[..500_000]))
            .await
            .unwrap();
        taken.notified().await;
        let another = fixture.begin_upload(&content).await;
        assert_ne!(another.id, upload.id);
        sender
            .send(Bytes::copy_from_slice(&content[500_000..]))
            .await
            .unwrap();
        drop(sender);
        assert!(running.await.unwrap().unwrap().complete);
    })
    .await;
}
