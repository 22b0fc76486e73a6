//! What only a bucket has: parts, signed addresses, and much that can be wrong with it.

mod faults;

use std::time::Duration;

use aar_registry::{
    BucketProblem, Content, Error, GcItem, Operator, Options, Registry, S3Options, StorageOptions,
    Upload, UploadNew,
};
use aar_testkit::{Fault, RecordedRequest, S3Network, S3Server, TestClient, TestResponse};
use aar_types::ImageInfo;

use crate::backend::{
    AMD64, EXPIRY, Fixture, GRACE, blob, body, image, in_bucket, name, noise, number, on_buckets,
    refused,
};
use crate::upload::by_hand;

const PART: usize = 8 << 20;

/// Begins an upload through a network.
async fn upload_over(
    network: &S3Network,
    fixture: &Fixture,
    image: &ImageInfo,
) -> (Operator, Upload) {
    let registry = open_with(fixture, |s3| s3.endpoint = Some(network.url())).await;
    let operator = registry.unwrap().operator("test");
    let new = UploadNew {
        length: image.size,
        digest: image.digest,
    };
    let upload = operator.create_upload(new).await.unwrap();
    (operator, upload)
}

/// Opens the same registry with another way to its bucket.
async fn open_with(
    fixture: &Fixture,
    change: impl FnOnce(&mut S3Options),
) -> Result<Registry, Error> {
    let mut s3 = in_bucket(fixture.bucket());
    change(&mut s3);
    let storage = StorageOptions::S3(Box::new(s3));
    let options = Options {
        storage,
        ..fixture.options.clone()
    };
    Registry::open(options).await
}

async fn problem(fixture: &Fixture, change: impl FnOnce(&mut S3Options)) -> BucketProblem {
    match refused(open_with(fixture, change).await) {
        Error::Bucket(problem) => problem,
        other => panic!("{other}"),
    }
}

/// Where a registry that redirects sends whoever wants version 0.
async fn address(registry: &Registry) -> String {
    let fetch = registry
        .operator("test")
        .fetch(&name("app"), AMD64, number(0))
        .await;
    match fetch.unwrap().unwrap().content {
        Content::Redirect(url) => url.to_string(),
        content @ Content::Bytes(_) => panic!("not sent anywhere: {content:?}"),
    }
}

on_buckets! {
    async fn an_upload_of_several_parts_goes_on_where_it_was(mut fixture) {
        let content = noise(3 * PART + 123_456);
        let upload = fixture.begin_upload(&content).await;
        let mut from = 0;
        // Requests end in the middle of parts, at their ends, and shortly after.
        for to in [PART + 1_000, 2 * PART, 2 * PART + 1, content.len()] {
            let piece = body([&content[from..to]]);
            let done = fixture.operator().append(upload.id, from as u64, piece).await.unwrap();
            assert_eq!((done.offset, done.complete), (to as u64, to == content.len()));
            if to < content.len() {
                assert_eq!(fixture.operator().status().await.unwrap().staged_bytes, to as u64);
                assert_eq!(fixture.bucket().uploads().len(), 1);
                assert!(!fixture.has(&blob(&upload.digest)));
            }
            fixture.restart().await;
            from = to;
        }
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        assert_eq!(fixture.staged(), 0);
    }

    async fn an_upload_whose_rest_has_gone_goes_back_to_its_last_part(fixture) {
        let content = noise(2 * PART + 500);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let half = body([&content[..PART + 700]]);
        operator.append(upload.id, 0, half).await.unwrap();
        fixture.erase(&format!("staging/{}", upload.id));
        let from = PART as u64 + 700;
        let gone = operator.append(upload.id, from, body([&content[PART + 700..]])).await;
        let Error::UploadOffset { expected, .. } = refused(gone) else {
            panic!("not an offset");
        };
        assert_eq!(expected, PART as u64);
        let done = operator.append(upload.id, expected, body([&content[PART..]])).await;
        assert!(done.unwrap().complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    }

    async fn a_part_that_another_process_has_taken_down_is_not_taken_down_again(fixture) {
        let content = noise(2 * PART);
        let upload = fixture.begin_upload(&content).await;
        let (slow, taken, body_of_slow) = by_hand();
        let operator = fixture.operator();
        let slow_one = tokio::spawn(async move { operator.append(upload.id, 0, body_of_slow).await });
        slow.send(content[..1_000].to_vec().into()).await.unwrap();
        taken.notified().await;
        let elsewhere = fixture.another().await;
        let other = elsewhere.operator("test");
        other.append(upload.id, 0, body([&content[..PART]])).await.unwrap();
        slow.send(content[1_000..=PART].to_vec().into()).await.unwrap();
        drop(slow);
        let expected = match refused(slow_one.await.unwrap()) {
            Error::UploadOffset { expected, .. } => expected,
            other => panic!("{other:?}"),
        };
        assert_eq!(expected, PART as u64);
        let rest = body([&content[PART..]]);
        assert!(other.append(upload.id, expected, rest).await.unwrap().complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
        elsewhere.close().await;
    }

    async fn a_rest_that_another_process_has_replaced_is_not_taken_for_ones_own(fixture) {
        let content = noise(2 * PART);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let begun = body([&content[..PART + 700]]);
        operator.append(upload.id, 0, begun).await.unwrap();
        // One that began earlier and came less far.
        fixture.overwrite(&format!("staging/{}", upload.id), &content[..900]);
        let from = PART as u64 + 700;
        let gone = operator.append(upload.id, from, body([&content[PART + 700..]])).await;
        let Error::UploadOffset { expected, .. } = refused(gone) else {
            panic!("not an offset");
        };
        let whole = body([&content[PART..]]);
        let done = operator.append(upload.id, expected, whole).await.unwrap();
        assert!(done.complete);
        assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    }

    async fn an_upload_that_the_bucket_gave_up_begins_anew(fixture) {
        let content = noise(2 * PART);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        operator.append(upload.id, 0, body([&content[..PART]])).await.unwrap();
        let open = fixture.bucket().uploads();
        fixture.bucket().abort_upload(&open[0]);
        let gone = operator.append(upload.id, PART as u64, body([&content[PART..]])).await;
        assert!(matches!(refused(gone), Error::UploadNotFound { .. }));
        fixture.store(&content).await;
    }

    async fn what_nobody_finishes_is_aborted_in_the_bucket(fixture) {
        let content = noise(PART + 1);
        let upload = fixture.begin_upload(&content).await;
        fixture.operator().append(upload.id, 0, body([&content[..PART]])).await.unwrap();
        assert_eq!(fixture.bucket().uploads().len(), 1);
        fixture.clock.advance(EXPIRY);
        let report = fixture.collect().await;
        assert_eq!(report.freed, [GcItem::StaleUpload { id: upload.id, bytes: PART as u64 }]);
        assert_eq!(fixture.staged(), 0);
    }

    async fn parts_of_no_upload_are_found_and_those_of_others_left_alone(fixture) {
        let content = noise(PART + 1);
        let upload = fixture.begin_upload(&content).await;
        fixture.operator().append(upload.id, 0, body([&content[..PART]])).await.unwrap();
        let bucket = fixture.bucket();
        for digest in [image(b"one").digest, image(b"two").digest] {
            bucket.begin_upload(&format!("a/prefix/{}", blob(&digest)));
        }
        bucket.begin_upload("another/blobs/sha256/somebody/elses");
        assert_eq!(bucket.uploads().len(), 4);
        let plan = fixture.operator().gc_plan().await.unwrap();
        assert_eq!(plan.items.len(), 2, "{plan:?}");
        assert_eq!(fixture.collect().await.freed.len(), 2);
        assert_eq!(bucket.uploads().len(), 2);
        let rest = body([&content[PART..]]);
        let done = fixture.operator().append(upload.id, PART as u64, rest).await.unwrap();
        assert!(done.complete);
    }

    async fn what_others_keep_in_the_bucket_is_left_alone(fixture) {
        let bucket = fixture.bucket();
        let id = "6f2c0c5e-35b3-4b3c-9a47-0e6d3d3f7f10";
        for key in ["report.pdf".to_owned(), "deep/er/x.bin".to_owned(), format!("deep/{id}")] {
            fixture.overwrite(&format!("staging/{key}"), b"somebody else's");
        }
        for key in ["blobs-of-others/huge.tar", "blobs/sha256/huge.tar", "blobs/x"] {
            bucket.begin_upload(&format!("a/prefix/{key}"));
        }
        bucket.begin_upload(&format!("a/prefix-of-others/{}", blob(&image(b"one").digest)));
        fixture.overwrite(&format!("staging/{id}"), b"left by an upload");
        let freed = fixture.collect().await.freed;
        let path = format!("staging/{id}");
        assert_eq!(freed, [GcItem::OrphanedFile { path, bytes: 17 }]);
        assert_eq!((bucket.uploads().len(), bucket.objects().len()), (4, 4));
        // Nor is anything else freed by a plan that names it.
        let path = "staging/report.pdf".to_owned();
        let plan = aar_registry::GcPlan { items: vec![GcItem::OrphanedFile { path, bytes: 15 }] };
        assert_eq!(fixture.operator().gc_apply(plan).await.unwrap().freed, []);
        assert!(fixture.has("staging/report.pdf"));
    }

    async fn the_session_of_a_key_is_shown_with_every_request(fixture) {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| {
            s3.endpoint = Some(network.url());
            let keys = s3.credentials.as_mut().unwrap();
            keys.session_token = Some(aar_registry::Secret::new("a-token"));
        });
        everything_there_is(&fixture, &registry.await.unwrap(), 0, 1).await;
        let seen = network.requests();
        let token = |seen: &RecordedRequest| seen.headers.get("x-amz-security-token").cloned();
        assert!(seen.iter().all(|seen| token(seen).as_deref() == Some("a-token")), "{seen:?}");
    }

    async fn parts_of_no_upload_are_told_with_what_they_take(fixture) {
        let bucket = fixture.bucket();
        bucket.begin_upload(&format!("a/prefix/{}", blob(&image(b"one").digest)));
        let open = &bucket.uploads()[0];
        bucket.put_part(open, 1, noise(PART));
        bucket.put_part(open, 2, noise(1_234));
        let plan = fixture.operator().gc_plan().await.unwrap();
        assert_eq!(plan.bytes(), PART as u64 + 1_234, "{plan:?}");
        assert_eq!(fixture.collect().await.bytes(), plan.bytes());
        assert_eq!(fixture.operator().gc_plan().await.unwrap().items, []);
    }

    async fn parts_of_no_upload_are_kept_for_the_grace_period(fixture) {
        let bucket = fixture.bucket();
        bucket.begin_upload(&format!("a/prefix/{}", blob(&image(b"one").digest)));
        let long = jiff::SignedDuration::from_hours(24 * 365 * 200);
        let options = Options {
            gc_grace: Duration::try_from(long).unwrap(),
            ..fixture.options.clone()
        };
        let registry = Registry::open(options).await.unwrap();
        let plan = registry.operator("test").gc_plan().await.unwrap();
        assert_eq!(plan.items, []);
    }

    async fn a_download_is_sent_to_the_bucket_with_an_address_that_is_good(fixture) {
        let content = noise(300_000);
        fixture.publish("app", 0, &content).await;
        let registry = open_with(&fixture, |s3| s3.redirect = true).await.unwrap();
        let url = address(&registry).await;
        assert!(url.contains("X-Amz-Expires=3600"), "{url}");
        let found = get(&url, &[]).await;
        assert!((found.status, found.body) == (200, content.clone()));
        let part = get(&url, &[("range", "bytes=100000-")]).await;
        assert!((part.status, &part.body[..]) == (206, &content[100_000..]));
        let other = url.replace(&content_digest(&content), &content_digest(b"other"));
        assert_eq!(get(&other, &[]).await.status, 403);
    }

    async fn the_life_of_an_address_can_be_set(fixture) {
        fixture.publish("app", 0, b"image").await;
        let short = open_with(&fixture, |s3| {
            s3.redirect = true;
            s3.url_duration = Some(Duration::from_secs(90));
        });
        let url = address(&short.await.unwrap()).await;
        assert!(url.contains("X-Amz-Expires=90&"), "{url}");
    }

    async fn what_is_wrong_with_a_bucket_is_told_at_the_start(fixture) {
        let wrong_secret = problem(&fixture, |s3| {
            let keys = s3.credentials.as_mut().unwrap();
            keys.secret_access_key = aar_registry::Secret::new("wrong and hushed");
        }).await;
        assert!(matches!(wrong_secret, BucketProblem::WrongSecret { .. }), "{wrong_secret}");
        assert!(!format!("{wrong_secret:?}").contains("hushed"));
        let wrong_key = problem(&fixture, |s3| {
            let keys = s3.credentials.as_mut().unwrap();
            "AKIANOBODY".clone_into(&mut keys.access_key);
        }).await;
        assert!(matches!(wrong_key, BucketProblem::UnknownKey { .. }), "{wrong_key}");
        let no_bucket = problem(&fixture, |s3| "nowhere".clone_into(&mut s3.bucket)).await;
        assert!(matches!(no_bucket, BucketProblem::NoSuchBucket { .. }), "{no_bucket}");
        let nobody = problem(&fixture, |s3| {
            s3.endpoint = Some("http://127.0.0.1:1".to_owned());
        }).await;
        assert!(matches!(nobody, BucketProblem::Unreachable { .. }), "{nobody}");
        // No server here minds the region that a signature names.
        let network = S3Network::start(fixture.bucket().server().address());
        network.each(|_| true, Fault::Reject("AuthorizationHeaderMalformed"));
        let elsewhere = problem(&fixture, |s3| s3.endpoint = Some(network.url())).await;
        assert!(matches!(elsewhere, BucketProblem::WrongRegion { .. }), "{elsewhere}");
        let stranger = fixture.bucket().server().new_user().1;
        let denied = problem(&fixture, |s3| {
            let keys = s3.credentials.as_mut().unwrap();
            keys.access_key = stranger.access_key;
            keys.secret_access_key = aar_registry::Secret::new(stranger.secret_key);
        }).await;
        let action = "s3:ListBucket";
        assert!(
            matches!(denied, BucketProblem::AccessDenied { action: found, .. } if found == action),
            "{denied}"
        );
    }

    async fn the_rights_of_the_documented_policy_are_enough(fixture) {
        let (user, keys) = fixture.bucket().server().new_user();
        fixture.bucket().grant_to(&user);
        let limited = open_with(&fixture, |s3| {
            let own = s3.credentials.as_mut().unwrap();
            own.access_key = keys.access_key;
            own.secret_access_key = aar_registry::Secret::new(keys.secret_key);
        });
        let operator = limited.await.unwrap().operator("test");
        let content = noise(PART + 5_000);
        let new = UploadNew {
            length: content.len() as u64,
            digest: image(&content).digest,
        };
        let upload = operator.create_upload(new).await.unwrap();
        operator.append(upload.id, 0, body([&content[..PART + 100]])).await.unwrap();
        let rest = body([&content[PART + 100..]]);
        assert!(operator.append(upload.id, PART as u64 + 100, rest).await.unwrap().complete);
        let put = crate::backend::put(image(&content));
        operator.publish(&name("app"), AMD64, number(0), put).await.unwrap();
        operator.remove_application(&name("app"), None).await.unwrap();
        let given_up = UploadNew { digest: image(b"other").digest, ..new };
        let given_up = operator.create_upload(given_up).await.unwrap();
        operator.append(given_up.id, 0, body([&content[..100]])).await.unwrap();
        assert!(operator.terminate(given_up.id).await.unwrap());
        let key = format!("a/prefix/{}", blob(&image(b"one").digest));
        fixture.bucket().begin_upload(&key);
        let orphan = &fixture.bucket().uploads()[0];
        fixture.bucket().put_part(orphan, 1, b"part");
        fixture.clock.advance(GRACE);
        let plan = operator.gc_plan().await.unwrap();
        let report = operator.gc_apply(plan).await.unwrap();
        assert_eq!((report.freed.len(), report.spared), (2, vec![]));
        assert_eq!(fixture.staged(), 0);
    }
}

/// Asks the bucket for everything that the registry ever asks for. There are so many uploads that
/// nobody knows.
async fn everything_there_is(fixture: &Fixture, registry: &Registry, n: usize, orphans: usize) {
    let operator = registry.operator("test");
    let content = noise(PART + 5_000 + n);
    let new = |content: &[u8]| UploadNew {
        length: content.len() as u64,
        digest: image(content).digest,
    };
    let upload = operator.create_upload(new(&content)).await.unwrap();
    let (first, second) = content.split_at(PART + 100);
    operator.append(upload.id, 0, body([first])).await.unwrap();
    let done = operator.append(upload.id, first.len() as u64, body([second]));
    assert!(done.await.unwrap().complete);
    let given_up = operator.create_upload(new(b"other")).await.unwrap();
    operator
        .append(given_up.id, 0, body([b"oth"]))
        .await
        .unwrap();
    assert!(operator.terminate(given_up.id).await.unwrap());
    let orphan = blob(&image(b"orphan").digest);
    fixture.bucket().begin_upload(&format!("a/prefix/{orphan}"));
    let plan = operator.gc_plan().await.unwrap();
    assert_eq!(operator.gc_apply(plan).await.unwrap().freed.len(), orphans);
    assert!(fixture.content(&blob(&upload.digest)).unwrap() == content);
    assert!(fixture.verify().await.is_sound());
}

/// Fetches an address with nothing to show.
async fn get(url: &str, headers: &'static [(&str, &str)]) -> TestResponse {
    let url = url.to_owned();
    let fetch = move || TestClient::plain("").send("GET", &url, headers, Vec::new());
    tokio::task::spawn_blocking(fetch).await.unwrap()
}

fn content_digest(content: &[u8]) -> String {
    image(content).digest.to_string()
}

#[tokio::test]
async fn another_implementation_of_s3_takes_the_same_uploads() {
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
