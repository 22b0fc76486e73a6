//! A bucket that asks to wait, is silent, or says what is not so.

use super::*;

on_buckets! {
    async fn throttling_that_goes_on_for_long_is_waited_for(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url())).await.unwrap();
        network.next(RecordedRequest::is_registry, [Fault::SlowDown; 10]);
        let new = UploadNew { length: 5, digest: image(b"image").digest };
        let operator = registry.operator("test");
        let upload = operator.create_upload(new).await.unwrap();
        assert!(operator.append(upload.id, 0, body([b"image"])).await.unwrap().complete);
        assert_eq!(network.pending_faults(), 0);
    }

    async fn any_request_may_be_throttled(fixture) {
        each_request_meets(&fixture, Fault::SlowDown).await;
    }

    async fn any_request_may_fail_on_its_way(fixture) {
        each_request_meets(&fixture, Fault::Reset).await;
    }

    async fn the_answer_to_any_request_may_be_lost(fixture) {
        each_request_meets(&fixture, Fault::LoseResponse).await;
    }

    async fn a_bucket_that_says_nothing_is_not_waited_for_where_the_health_is_asked_for(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url())).await.unwrap();
        network.each(RecordedRequest::is_registry, Fault::Delay(Duration::from_mins(5)));
        let health = tokio::time::timeout(Duration::from_secs(30), registry.health()).await.unwrap();
        assert_eq!(health.problems, ["the storage does not answer in time"]);
        network.heal();
        assert!(registry.health().await.healthy);
    }

    async fn a_bucket_that_says_nothing_holds_up_nobody_who_changes_something_else(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url())).await.unwrap();
        let known = fixture.store(b"known").await;
        fixture.bucket().begin_upload(&format!("a/prefix/{}", blob(&image(b"orphan").digest)));
        let operator = || registry.operator("test");
        let plan = operator().gc_plan().await.unwrap();
        assert_eq!(plan.items.len(), 1);
        network.each(RecordedRequest::is_registry, Fault::Delay(Duration::from_mins(5)));
        let asked = network.requests().len();
        let new = UploadNew { length: known.size, digest: known.digest };
        let tasks = [
            tokio::spawn({
                let operator = operator();
                async move { drop(operator.create_upload(new).await) }
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
        tokio::time::timeout(Duration::from_secs(5), another).await.unwrap();
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }

    async fn a_bucket_that_says_nothing_holds_up_others_for_seconds_where_they_have_to_wait(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url())).await.unwrap();
        let operator = registry.operator("test");
        fixture.store(b"unused").await;
        fixture.clock.advance(GRACE);
        let new = UploadNew { length: 5, digest: image(b"image").digest };
        let upload = operator.create_upload(new).await.unwrap();
        let plan = operator.gc_plan().await.unwrap();
        assert_eq!(plan.items.len(), 1);
        network.each(is_head, Fault::Delay(Duration::from_mins(5)));
        let soon = Duration::from_secs(25);
        let report = tokio::time::timeout(soon, operator.gc_apply(plan)).await.unwrap().unwrap();
        assert!(report.spared[0].reason.contains("within 10 seconds"), "{report:?}");
        let end = tokio::time::timeout(soon, operator.append(upload.id, 0, body([b"image"]))).await;
        let silent = refused(end.unwrap());
        assert!(matches!(silent, Error::Bucket(BucketProblem::Unreachable { .. })), "{silent}");
        network.heal();
        assert!(operator.upload(upload.id).await.unwrap().unwrap().complete);
        let plan = operator.gc_plan().await.unwrap();
        assert_eq!(operator.gc_apply(plan).await.unwrap().freed.len(), 1);
    }

    async fn a_bucket_that_says_nothing_is_told_of_within_seconds_of_the_start(fixture) {
        for which in [RecordedRequest::is_registry, is_get] {
            let network = S3Network::start(fixture.bucket().server().address());
            network.each(which, Fault::Delay(Duration::from_mins(5)));
            let start = open_with(&fixture, |s3| s3.endpoint = Some(network.url()));
            let silent = tokio::time::timeout(Duration::from_secs(20), start).await;
            let silent = refused(silent.expect("it waits for the bucket"));
            assert!(matches!(silent, Error::Bucket(BucketProblem::Unreachable { .. })), "{silent}");
        }
    }

    async fn what_is_over_does_not_wait_for_a_bucket_that_is_away_one_after_the_other(mut fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        fixture.options.uploads.max_open = 3;
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url())).await.unwrap();
        let operator = registry.operator("test");
        let begin = async |content: &[u8]| {
            let image = image(content);
            let new = UploadNew { length: image.size, digest: image.digest };
            operator.create_upload(new).await
        };
        for content in [b"one", b"two", b"six"] {
            let upload = begin(content).await.unwrap();
            operator.append(upload.id, 0, body([&content[..1]])).await.unwrap();
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
        // One that is refused does not keep the others.
        network.next(is_abort, [Fault::Status(403)]);
        begin(b"more").await.unwrap();
        assert_eq!((aborts(), network.pending_faults()), (5, 0));
    }

    async fn a_part_may_take_as_long_as_all_that_may_be_on_its_way(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let content = noise(2 * PART);
        let (operator, upload) = upload_over(&network, &fixture, &image(&content)).await;
        network.next(RecordedRequest::is_part, [Fault::Throttle(120 << 10), Fault::Throttle(120 << 10)]);
        assert!(operator.append(upload.id, 0, body([&content])).await.unwrap().complete);
        assert_eq!(network.requests().into_iter().filter(RecordedRequest::is_part).count(), 2);
    }

    async fn parts_that_were_given_up_are_not_made_up_for_by_what_lies_in_the_place_of_the_blob(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = image(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        network.each(is_complete, Fault::Status(403));
        refused(operator.append(upload.id, 0, body([b"image"])).await);
        network.heal();
        fixture.overwrite(&blob(&image.digest), b"enemy");
        fixture.bucket().abort_upload(&fixture.bucket().uploads()[0]);
        let soon = Duration::from_secs(30);
        let lost = tokio::time::timeout(soon, operator.upload(upload.id)).await.unwrap();
        assert!(matches!(refused(lost), Error::UploadNotFound { .. }));
        assert!(operator.upload(upload.id).await.unwrap().is_none());
    }

    async fn a_wrong_digest_is_told_also_when_the_parts_cannot_be_given_up(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        network.each(|seen| seen.method == "DELETE", Fault::Status(403));
        let other = image(b"other");
        let (operator, upload) = upload_over(&network, &fixture, &other).await;
        let refusal = refused(operator.append(upload.id, 0, body([b"image"])).await);
        assert!(matches!(refusal, Error::DigestMismatch { .. }), "{refusal}");
        assert!(operator.upload(upload.id).await.unwrap().is_none());
        network.heal();
        let plan = operator.gc_plan().await.unwrap();
        assert_eq!(plan.items, [GcItem::StaleUpload { id: upload.id, bytes: 5 }]);
        fixture.collect().await;
        assert_eq!(fixture.staged(), 0);
    }

    async fn an_object_in_the_place_of_a_blob_is_not_taken_for_its_parts(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = image(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        fixture.overwrite(&blob(&image.digest), b"enemy");
        network.each(is_complete, Fault::Status(403));
        let denied = refused(operator.append(upload.id, 0, body([b"image"])).await);
        assert!(matches!(denied, Error::Bucket(BucketProblem::AccessDenied { .. })), "{denied}");
        network.heal();
        // One that was done, and whose answer was lost, is found to be done.
        network.next(is_complete, [Fault::CutResponse(0)]);
        assert!(operator.upload(upload.id).await.unwrap().unwrap().complete);
        assert_eq!(network.pending_faults(), 0);
        assert_eq!(fixture.content(&blob(&image.digest)).unwrap(), b"image");
    }

    async fn an_image_that_was_put_together_is_found_whatever_is_said_of_its_parts(fixture) {
        for code in ["InvalidPart", "InvalidPartOrder", "EntityTooSmall"] {
            let network = S3Network::start(fixture.bucket().server().address());
            let image = image(code.as_bytes());
            let (operator, upload) = upload_over(&network, &fixture, &image).await;
            network.each(is_listing_of_parts, Fault::Status(501));
            network.next(is_complete, [Fault::LoseResponse, Fault::Reject(code)]);
            let done = operator.append(upload.id, 0, body([code.as_bytes()])).await.unwrap();
            assert!(done.complete, "{code}");
            assert_eq!(network.pending_faults(), 0);
            assert_eq!(fixture.content(&blob(&image.digest)).unwrap(), code.as_bytes());
        }
    }

    async fn parts_that_cannot_be_put_together_are_given_up(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = image(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        network.next(is_complete, [Fault::Reject("InvalidPart")]);
        let lost = operator.append(upload.id, 0, body([b"image"])).await;
        assert!(matches!(refused(lost), Error::UploadNotFound { .. }));
        assert_eq!(fixture.staged(), 0);
    }

    async fn an_upload_has_not_gone_because_somebody_answers_404(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = image(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        for kind in [RecordedRequest::is_part, is_complete] {
            network.next(kind, [Fault::Status(404)]);
            let from = operator.upload(upload.id).await;
            let problem = match from {
                Ok(at) => {
                    let Upload { offset, .. } = at.unwrap();
                    let rest = body([&b"image"[usize::try_from(offset).unwrap()..]]);
                    refused(operator.append(upload.id, offset, rest).await)
                }
                Err(problem) => problem,
            };
            let not_the_bucket = Error::Bucket(BucketProblem::NotTheBucket {
                endpoint: network.url(),
                bucket: fixture.bucket().name().to_owned(),
                action: "s3:PutObject",
            });
            assert_eq!(problem.to_string(), not_the_bucket.to_string());
            assert_eq!(network.pending_faults(), 0);
        }
        assert!(operator.upload(upload.id).await.unwrap().unwrap().complete);
    }

    async fn an_upload_that_the_bucket_never_finishes_comes_to_an_end(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = image(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        network.each(is_complete, Fault::Status(404));
        refused(operator.append(upload.id, 0, body([b"image"])).await);
        let mut tried = 0;
        while let Err(problem) = operator.upload(upload.id).await {
            assert!(matches!(problem, Error::Bucket(BucketProblem::NotTheBucket { .. })), "{problem}");
            fixture.clock.advance(EXPIRY / 4 * 3);
            tried += 1;
            assert!(tried < 100);
        }
        assert!(tried >= 5, "{tried}");
        let gone = operator.append(upload.id, 5, body([b""])).await;
        assert!(matches!(refused(gone), Error::UploadNotFound { .. }));
    }

    async fn parts_have_not_gone_because_somebody_answers_404(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = image(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        network.next(is_complete, [Fault::Reset]);
        network.next(is_listing_of_parts, [Fault::Status(404)]);
        assert!(operator.append(upload.id, 0, body([b"image"])).await.unwrap().complete);
        assert_eq!(network.pending_faults(), 0);
    }
}

/// One request of each kind, one kind after the other, meets this fault.
pub(super) async fn each_request_meets(fixture: &Fixture, fault: Fault) {
    let network = S3Network::start(fixture.bucket().server().address());
    for (n, (kind, which)) in KINDS.into_iter().enumerate() {
        network.next(which, [fault]);
        let registry = open_with(fixture, |s3| s3.endpoint = Some(network.url())).await;
        // Nobody knows the name of what was begun without an answer. It is found by its age.
        let nameless = usize::from(kind == "create" && fault == Fault::LoseResponse);
        everything_there_is(fixture, &registry.unwrap(), n, 1 + nameless).await;
        assert_eq!(
            (network.pending_faults(), fixture.staged()),
            (0, 0),
            "{kind}"
        );
    }
}

type Kind = fn(&RecordedRequest) -> bool;

/// Every kind of request that the registry sends to a bucket.
const KINDS: [(&str, Kind); 11] = [
    ("create", |seen| {
        seen.method == "POST" && seen.query.starts_with("uploads")
    }),
    ("part", RecordedRequest::is_part),
    ("complete", is_complete),
    ("abort", is_abort),
    ("listing of uploads", |seen| {
        seen.method == "GET" && seen.query.starts_with("uploads=")
    }),
    ("listing of parts", is_listing_of_parts),
    ("listing", |seen| {
        seen.method == "GET" && seen.query.contains("list-type")
    }),
    ("head", is_head),
    ("get", is_get),
    ("put", |seen| seen.method == "PUT" && seen.query.is_empty()),
    ("delete", |seen| {
        seen.method == "DELETE" && seen.query.is_empty()
    }),
];

fn is_abort(seen: &RecordedRequest) -> bool {
    seen.method == "DELETE" && seen.query.starts_with("uploadId=")
}

fn is_head(seen: &RecordedRequest) -> bool {
    seen.method == "HEAD"
}

fn is_get(seen: &RecordedRequest) -> bool {
    seen.method == "GET" && seen.query.is_empty()
}

fn is_listing_of_parts(seen: &RecordedRequest) -> bool {
    seen.method == "GET" && seen.query.starts_with("uploadId=")
}

fn is_complete(seen: &RecordedRequest) -> bool {
    seen.method == "POST" && seen.query.starts_with("uploadId=")
}
