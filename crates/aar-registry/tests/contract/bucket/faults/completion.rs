//! Faults where an upload ends.

use aar_registry::GcItem;

use super::*;

#[tokio::test]
async fn foreign_object_does_not_replace_aborted_parts() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = upload_of(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        network.each(is_complete, Fault::Status(403));
        refused(operator.append(upload.id, 0, body([b"image"])).await);
        network.heal();
        fixture.overwrite(&blob(&image.digest), b"enemy");
        fixture
            .bucket()
            .abort_upload(&fixture.bucket().uploads()[0]);
        let soon = Duration::from_secs(30);
        let lost = tokio::time::timeout(soon, operator.upload(upload.id))
            .await
            .unwrap();
        assert!(matches!(refused(lost), Error::UploadNotFound { .. }));
        assert!(operator.upload(upload.id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn wrong_digest_is_reported_when_the_abort_fails() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        network.each(|request| request.method == "DELETE", Fault::Status(403));
        let other = upload_of(b"other");
        let (operator, upload) = upload_over(&network, &fixture, &other).await;
        let refusal = refused(operator.append(upload.id, 0, body([b"image"])).await);
        assert!(matches!(refusal, Error::DigestMismatch { .. }), "{refusal}");
        assert!(operator.upload(upload.id).await.unwrap().is_none());
        network.heal();
        let plan = operator.gc_plan().await.unwrap();
        assert_eq!(
            plan.items,
            [GcItem::StaleUpload {
                id: upload.id,
                bytes: 5
            }]
        );
        fixture.collect().await;
        assert_eq!(fixture.staged(), 0);
    })
    .await;
}

#[tokio::test]
async fn foreign_object_is_not_mistaken_for_a_completed_upload() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = upload_of(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        fixture.overwrite(&blob(&image.digest), b"enemy");
        network.each(is_complete, Fault::Status(403));
        let denied = refused(operator.append(upload.id, 0, body([b"image"])).await);
        assert!(
            matches!(denied, Error::Bucket(BucketProblem::AccessDenied { .. })),
            "{denied}"
        );
        network.heal();
        // The upload is completed, and the response is lost.
        network.next(is_complete, [Fault::CutResponse(0)]);
        assert!(operator.upload(upload.id).await.unwrap().unwrap().complete);
        assert_eq!(network.pending_faults(), 0);
        assert_eq!(fixture.content(&blob(&image.digest)).unwrap(), b"image");
    })
    .await;
}

#[tokio::test]
async fn completed_upload_is_found_whatever_code_the_bucket_returns() {
    on_buckets(async |fixture| {
        for code in ["InvalidPart", "InvalidPartOrder", "EntityTooSmall"] {
            let network = S3Network::start(fixture.bucket().server().address());
            let image = upload_of(code.as_bytes());
            let (operator, upload) = upload_over(&network, &fixture, &image).await;
            network.each(is_listing_of_parts, Fault::Status(501));
            network.next(is_complete, [Fault::LoseResponse, Fault::Reject(code)]);
            let done = operator
                .append(upload.id, 0, body([code.as_bytes()]))
                .await
                .unwrap();
            assert!(done.complete, "{code}");
            assert_eq!(network.pending_faults(), 0);
            assert_eq!(
                fixture.content(&blob(&image.digest)).unwrap(),
                code.as_bytes()
            );
        }
    })
    .await;
}

#[tokio::test]
async fn invalid_parts_are_aborted() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = upload_of(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        network.next(is_complete, [Fault::Reject("InvalidPart")]);
        let lost = operator.append(upload.id, 0, body([b"image"])).await;
        assert!(matches!(refused(lost), Error::UploadNotFound { .. }));
        assert_eq!(fixture.staged(), 0);
    })
    .await;
}

#[tokio::test]
async fn upload_survives_a_404_that_does_not_name_it() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = upload_of(b"image");
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
    })
    .await;
}

#[tokio::test]
async fn upload_that_is_never_completed_expires() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = upload_of(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        network.each(is_complete, Fault::Status(404));
        refused(operator.append(upload.id, 0, body([b"image"])).await);
        let mut tried = 0;
        while let Err(problem) = operator.upload(upload.id).await {
            assert!(
                matches!(problem, Error::Bucket(BucketProblem::NotTheBucket { .. })),
                "{problem}"
            );
            fixture.clock.advance(EXPIRY / 4 * 3);
            tried += 1;
            assert!(tried < 100);
        }
        assert!(tried >= 5, "{tried}");
        let gone = operator.append(upload.id, 5, body([b""])).await;
        assert!(matches!(refused(gone), Error::UploadNotFound { .. }));
    })
    .await;
}

#[tokio::test]
async fn parts_survive_a_404_that_does_not_name_them() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let image = upload_of(b"image");
        let (operator, upload) = upload_over(&network, &fixture, &image).await;
        network.next(is_complete, [Fault::Reset]);
        network.next(is_listing_of_parts, [Fault::Status(404)]);
        assert!(
            operator
                .append(upload.id, 0, body([b"image"]))
                .await
                .unwrap()
                .complete
        );
        assert_eq!(network.pending_faults(), 0);
    })
    .await;
}
