//! A bucket that does not answer, or slowly.

use super::*;

#[tokio::test]
async fn silent_bucket_does_not_delay_the_health_check() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url()))
            .await
            .unwrap();
        network.each(
            RecordedRequest::is_registry,
            Fault::Delay(Duration::from_mins(5)),
        );
        let health = tokio::time::timeout(Duration::from_secs(30), registry.health())
            .await
            .unwrap();
        assert_eq!(health.problems, ["the storage does not answer in time"]);
        network.heal();
        assert!(registry.health().await.healthy);
    })
    .await;
}

#[tokio::test]
async fn silent_bucket_does_not_delay_other_changes() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url()))
            .await
            .unwrap();
        let known = fixture.store(b"known").await;
        fixture
            .bucket()
            .begin_upload(&format!("a/prefix/{}", blob(&digest(b"orphan"))));
        let operator = || registry.operator("test");
        let plan = operator().gc_plan().await.unwrap();
        assert_eq!(plan.items.len(), 1);
        network.each(
            RecordedRequest::is_registry,
            Fault::Delay(Duration::from_mins(5)),
        );
        let asked = network.requests().len();
        let new = UploadNew {
            length: known.size,
            digest: known.digest,
        };
        let tasks = [
            tokio::spawn({
                let operator = operator();
                async move { drop(operator.create_upload(new, "").await) }
            }),
            tokio::spawn({
                let operator = operator();
                async move { drop(operator.gc_apply(plan).await) }
            }),
        ];
        while network.requests().len() < asked + tasks.len() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let another = fixture.begin_upload(b"another");
        tokio::time::timeout(Duration::from_secs(5), another)
            .await
            .unwrap();
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    })
    .await;
}

#[tokio::test]
async fn silent_bucket_delays_its_callers_for_seconds_only() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url()))
            .await
            .unwrap();
        let operator = registry.operator("test");
        fixture.store(b"unused").await;
        fixture.clock.advance(GRACE);
        let new = upload_of(b"image");
        let upload = operator.create_upload(new, "").await.unwrap();
        let plan = operator.gc_plan().await.unwrap();
        assert_eq!(plan.items.len(), 1);
        network.each(is_head, Fault::Delay(Duration::from_mins(5)));
        let soon = Duration::from_secs(25);
        let report = tokio::time::timeout(soon, operator.gc_apply(plan))
            .await
            .unwrap()
            .unwrap();
        assert!(
            report.spared[0].reason.contains("within 10 seconds"),
            "{report:?}"
        );
        let end = tokio::time::timeout(soon, operator.append(upload.id, 0, body([b"image"]))).await;
        let silent = refused(end.unwrap());
        assert!(
            matches!(silent, Error::Bucket(BucketProblem::Unreachable { .. })),
            "{silent}"
        );
        network.heal();
        assert!(operator.upload(upload.id).await.unwrap().unwrap().complete);
        let plan = operator.gc_plan().await.unwrap();
        assert_eq!(operator.gc_apply(plan).await.unwrap().freed.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn silent_bucket_fails_the_start_within_seconds() {
    on_buckets(async |fixture| {
        for which in [RecordedRequest::is_registry, is_get] {
            let network = S3Network::start(fixture.bucket().server().address());
            network.each(which, Fault::Delay(Duration::from_mins(5)));
            let start = open_with(&fixture, |s3| s3.endpoint = Some(network.url()));
            let silent = tokio::time::timeout(Duration::from_secs(20), start).await;
            let silent = refused(silent.expect("the start waits for the bucket"));
            assert!(
                matches!(silent, Error::Bucket(BucketProblem::Unreachable { .. })),
                "{silent}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn reaping_stops_after_the_first_unreachable_bucket() {
    on_buckets(async |mut fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        fixture.options.uploads.max_open = 3;
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url()))
            .await
            .unwrap();
        let operator = registry.operator("test");
        let begin = async |content: &[u8]| operator.create_upload(upload_of(content), "").await;
        for content in [b"one", b"two", b"six"] {
            let upload = begin(content).await.unwrap();
            operator
                .append(upload.id, 0, body([&content[..1]]))
                .await
                .unwrap();
        }
        fixture.clock.advance(EXPIRY);
        let aborts = || network.requests().into_iter().filter(is_abort).count();
        network.each(is_abort, Fault::Reject("SlowDown"));
        let plan = operator.gc_plan().await.unwrap();
        let spared = operator.gc_apply(plan).await.unwrap().spared;
        assert_eq!((spared.len(), aborts()), (3, 1), "{spared:?}");
        assert!(spared[2].reason.contains("cannot be reached"), "{spared:?}");
        let full = refused(begin(b"more").await);
        assert!(matches!(full, Error::TooManyUploads { max: 3 }), "{full}");
        assert_eq!(aborts(), 2);
        network.heal();
        // An upload that cannot be aborted does not stop the others.
        network.next(is_abort, [Fault::Status(403)]);
        begin(b"more").await.unwrap();
        assert_eq!((aborts(), network.pending_faults()), (5, 0));
    })
    .await;
}

#[tokio::test]
async fn slow_part_has_the_time_of_all_parts_in_flight() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let content = noise(2 * PART);
        let (operator, upload) = upload_over(&network, &fixture, &upload_of(&content)).await;
        network.next(
            RecordedRequest::is_part,
            [Fault::Throttle(120 << 10), Fault::Throttle(120 << 10)],
        );
        assert!(
            operator
                .append(upload.id, 0, body([&content]))
                .await
                .unwrap()
                .complete
        );
        assert_eq!(
            network
                .requests()
                .into_iter()
                .filter(RecordedRequest::is_part)
                .count(),
            2
        );
    })
    .await;
}
