use aar_registry::Error;
use aar_testkit::{Fault, S3Server};

use super::{PART, faults};
use crate::{
    backend::{Fixture, blob, body, noise, on_buckets, refused},
    upload::channel_body,
};

#[tokio::test]
async fn upload_of_several_parts_continues_at_its_offset() {
    on_buckets(async |mut fixture| {
        let content = noise(3 * PART + 123_456);
        let upload = fixture.begin_upload(&content).await;
        let mut from = 0;
        // Requests end in the middle of parts, at their ends, and shortly after them.
        for to in [PART + 1_000, 2 * PART, 2 * PART + 1, content.len()] {
            let piece = body([&content[from..to]]);
            let done = fixture
                .operator()
                .append(upload.id, from as u64, piece)
                .await
                .unwrap();
            assert_eq!(
                (done.offset, done.complete),
                (to as u64, to == content.len())
            );
            if to < content.len() {
                assert_eq!(
                    fixture.operator().status().await.unwrap().staged_bytes,
                    to as u64
                );
                assert_eq!(fixture.bucket().uploads().len(), 1);
                assert!(!fixture.has(&blob(&upload.digest)));
            }
            fixture.restart().await;
            from = to;
        }
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        assert_eq!(fixture.staged(), 0);
    })
    .await;
}

#[tokio::test]
async fn upload_without_its_tail_goes_back_to_its_last_part() {
    on_buckets(async |fixture| {
        let content = noise(2 * PART + 500);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let half = body([&content[..PART + 700]]);
        operator.append(upload.id, 0, half).await.unwrap();
        fixture.erase(&format!("staging/{}", upload.id));
        let from = PART as u64 + 700;
        let gone = operator
            .append(upload.id, from, body([&content[PART + 700..]]))
            .await;
        let Error::UploadOffset { expected, .. } = refused(gone) else {
            panic!("not an offset");
        };
        assert_eq!(expected, PART as u64);
        let done = operator
            .append(upload.id, expected, body([&content[PART..]]))
            .await;
        assert!(done.unwrap().complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    })
    .await;
}

#[tokio::test]
async fn part_recorded_by_another_process_is_not_recorded_again() {
    on_buckets(async |fixture| {
        let content = noise(2 * PART);
        let upload = fixture.begin_upload(&content).await;
        let (slow, taken, body_of_slow) = channel_body();
        let operator = fixture.operator();
        let slow_one =
            tokio::spawn(async move { operator.append(upload.id, 0, body_of_slow).await });
        slow.send(content[..1_000].to_vec().into()).await.unwrap();
        taken.notified().await;
        let elsewhere = fixture.another().await;
        let other = elsewhere.operator("test");
        other
            .append(upload.id, 0, body([&content[..PART]]))
            .await
            .unwrap();
        slow.send(content[1_000..=PART].to_vec().into())
            .await
            .unwrap();
        drop(slow);
        let expected = match refused(slow_one.await.unwrap()) {
            Error::UploadOffset { expected, .. } => expected,
            other => panic!("{other:?}"),
        };
        assert_eq!(expected, PART as u64);
        let rest = body([&content[PART..]]);
        assert!(
            other
                .append(upload.id, expected, rest)
                .await
                .unwrap()
                .complete
        );
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        elsewhere.close().await;
    })
    .await;
}

#[tokio::test]
async fn tail_replaced_by_another_process_is_not_used() {
    on_buckets(async |fixture| {
        let content = noise(2 * PART);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let begun = body([&content[..PART + 700]]);
        operator.append(upload.id, 0, begun).await.unwrap();
        // The tail of a request that began earlier and sent less.
        fixture.overwrite(&format!("staging/{}", upload.id), &content[..900]);
        let from = PART as u64 + 700;
        let gone = operator
            .append(upload.id, from, body([&content[PART + 700..]]))
            .await;
        let Error::UploadOffset { expected, .. } = refused(gone) else {
            panic!("not an offset");
        };
        let whole = body([&content[PART..]]);
        let done = operator.append(upload.id, expected, whole).await.unwrap();
        assert!(done.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    })
    .await;
}

#[tokio::test]
async fn upload_aborted_by_the_bucket_begins_anew() {
    on_buckets(async |fixture| {
        let content = noise(2 * PART);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        operator
            .append(upload.id, 0, body([&content[..PART]]))
            .await
            .unwrap();
        let open = fixture.bucket().uploads();
        fixture.bucket().abort_upload(&open[0]);
        let gone = operator
            .append(upload.id, PART as u64, body([&content[PART..]]))
            .await;
        assert!(matches!(refused(gone), Error::UploadNotFound { .. }));
        fixture.store(&content).await;
    })
    .await;
}

#[tokio::test]
async fn seaweedfs_accepts_the_same_uploads() {
    let Some(server) = S3Server::seaweed("contract tests on another server") else {
        return;
    };
    let fixture = Fixture::start_in(server.new_bucket()).await;
    faults::each_request_meets(&fixture, Fault::LoseResponse).await;
    let content = noise(2 * PART + 1);
    let upload = fixture.begin_upload(&content).await;
    let operator = fixture.operator();
    for (from, to) in [(0, PART + 10), (PART + 10, content.len())] {
        let piece = body([&content[from..to]]);
        operator
            .append(upload.id, from as u64, piece)
            .await
            .unwrap();
    }
    assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    fixture.publish("app", 0, &content).await;
    assert!(fixture.verify().await.is_sound());
    assert_eq!(fixture.staged(), 0);
}
