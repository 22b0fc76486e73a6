use std::time::Duration;

use aar_registry::{BucketProblem, UploadNew};
use aar_testkit::{Fault, RecordedRequest, S3Network};

use super::*;

#[tokio::test]
async fn session_token_is_sent_with_every_request() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| {
            s3.endpoint = Some(network.url());
            let keys = s3.credentials.as_mut().unwrap();
            keys.session_token = Some(aar_registry::Secret::new("a-token"));
        });
        send_every_request(&fixture, &registry.await.unwrap(), 0, 1).await;
        let seen = network.requests();
        let token =
            |request: &RecordedRequest| request.headers.get("x-amz-security-token").cloned();
        assert!(
            seen.iter()
                .all(|request| token(request).as_deref() == Some("a-token")),
            "{seen:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn download_is_redirected_to_a_valid_presigned_url() {
    on_buckets(async |fixture| {
        let content = noise(300_000);
        let image = fixture.publish("app", 0, &content).await;
        let content = packed(&content).bytes;
        let registry = open_with(&fixture, |s3| s3.redirect = true).await.unwrap();
        let url = redirect_url(&registry).await;
        assert!(url.contains("X-Amz-Expires=3600"), "{url}");
        let found = fetch(&url, &[]).await;
        assert!((found.status, found.body) == (200, content.clone()));
        let part = fetch(&url, &[("range", "bytes=100000-")]).await;
        assert!((part.status, &part.body[..]) == (206, &content[100_000..]));
        let other = url.replace(&image.digest.to_string(), &content_digest(b"other"));
        assert_eq!(fetch(&other, &[]).await.status, 403);
    })
    .await;
}

#[tokio::test]
async fn presigned_url_lives_as_long_as_configured() {
    on_buckets(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let short = open_with(&fixture, |s3| {
            s3.redirect = true;
            s3.url_duration = Some(Duration::from_secs(90));
        });
        let url = redirect_url(&short.await.unwrap()).await;
        assert!(url.contains("X-Amz-Expires=90&"), "{url}");
    })
    .await;
}

#[tokio::test]
async fn unusable_bucket_is_refused_at_the_start_by_its_problem() {
    on_buckets(async |fixture| {
        let wrong_secret = problem(&fixture, |s3| {
            let keys = s3.credentials.as_mut().unwrap();
            keys.secret_access_key = aar_registry::Secret::new("wrong and hushed");
        })
        .await;
        assert!(
            matches!(wrong_secret, BucketProblem::WrongSecret { .. }),
            "{wrong_secret}"
        );
        assert!(!format!("{wrong_secret:?}").contains("hushed"));
        let wrong_key = problem(&fixture, |s3| {
            let keys = s3.credentials.as_mut().unwrap();
            "AKIAUNKNOWN".clone_into(&mut keys.access_key);
        })
        .await;
        assert!(
            matches!(wrong_key, BucketProblem::UnknownKey { .. }),
            "{wrong_key}"
        );
        let no_bucket = problem(&fixture, |s3| "nowhere".clone_into(&mut s3.bucket)).await;
        assert!(
            matches!(no_bucket, BucketProblem::NoSuchBucket { .. }),
            "{no_bucket}"
        );
        let unreachable = problem(&fixture, |s3| {
            s3.endpoint = Some("http://127.0.0.1:1".to_owned());
        })
        .await;
        assert!(
            matches!(unreachable, BucketProblem::Unreachable { .. }),
            "{unreachable}"
        );
        // The test servers accept any region in a signature.
        let network = S3Network::start(fixture.bucket().server().address());
        network.each(|_| true, Fault::Reject("AuthorizationHeaderMalformed"));
        let elsewhere = problem(&fixture, |s3| s3.endpoint = Some(network.url())).await;
        assert!(
            matches!(elsewhere, BucketProblem::WrongRegion { .. }),
            "{elsewhere}"
        );
        let other_user = fixture.bucket().server().new_user().1;
        let denied = problem(&fixture, |s3| {
            let keys = s3.credentials.as_mut().unwrap();
            keys.access_key = other_user.access_key;
            keys.secret_access_key = aar_registry::Secret::new(other_user.secret_key);
        })
        .await;
        let action = "s3:ListBucket";
        assert!(
            matches!(denied, BucketProblem::AccessDenied { action: found, .. } if found == action),
            "{denied}"
        );
    })
    .await;
}

#[tokio::test]
async fn permissions_of_the_documented_policy_suffice() {
    on_buckets(async |fixture| {
        let (user, keys) = fixture.bucket().server().new_user();
        fixture.bucket().grant_to(&user);
        let limited = open_with(&fixture, |s3| {
            let own = s3.credentials.as_mut().unwrap();
            own.access_key = keys.access_key;
            own.secret_access_key = aar_registry::Secret::new(keys.secret_key);
        });
        let operator = limited.await.unwrap().operator("test");
        let PackedImage { bytes, info } = packed(&noise(PART + 5_000));
        let new = upload_of(&bytes);
        let upload = operator.create_upload(new, "").await.unwrap();
        operator
            .append(upload.id, 0, body([&bytes[..PART + 100]]))
            .await
            .unwrap();
        let rest = body([&bytes[PART + 100..]]);
        assert!(
            operator
                .append(upload.id, PART as u64 + 100, rest)
                .await
                .unwrap()
                .complete
        );
        let put = crate::backend::put(info);
        operator
            .publish(&name("app"), AMD64, number(0), put)
            .await
            .unwrap();
        operator
            .remove_application(&name("app"), None)
            .await
            .unwrap();
        let dropped = UploadNew {
            digest: digest(b"other"),
            ..new
        };
        let dropped = operator.create_upload(dropped, "").await.unwrap();
        operator
            .append(dropped.id, 0, body([&bytes[..100]]))
            .await
            .unwrap();
        assert!(operator.terminate(dropped.id).await.unwrap());
        let key = format!("a/prefix/{}", blob(&image(b"one").digest));
        fixture.bucket().begin_upload(&key);
        let orphan = &fixture.bucket().uploads()[0];
        fixture.bucket().put_part(orphan, 1, b"part");
        fixture.clock.advance(GRACE);
        let plan = operator.gc_plan().await.unwrap();
        let report = operator.gc_apply(plan).await.unwrap();
        assert_eq!((report.freed.len(), report.spared), (2, vec![]));
        assert_eq!(fixture.staged(), 0);
    })
    .await;
}
