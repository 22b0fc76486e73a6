use std::time::Duration;

use aar_registry::{GcItem, Options, Registry};

use super::PART;
use crate::backend::{EXPIRY, blob, body, image, noise, on_buckets};

#[tokio::test]
async fn expired_upload_is_aborted_in_the_bucket() {
    on_buckets(async |fixture| {
        let content = noise(PART + 1);
        let upload = fixture.begin_upload(&content).await;
        fixture
            .operator()
            .append(upload.id, 0, body([&content[..PART]]))
            .await
            .unwrap();
        assert_eq!(fixture.bucket().uploads().len(), 1);
        fixture.clock.advance(EXPIRY);
        let report = fixture.collect().await;
        assert_eq!(
            report.freed,
            [GcItem::StaleUpload {
                id: upload.id,
                bytes: PART as u64
            }]
        );
        assert_eq!(fixture.staged(), 0);
    })
    .await;
}

#[tokio::test]
async fn parts_without_an_upload_are_collected_and_those_of_others_kept() {
    on_buckets(async |fixture| {
        let content = noise(PART + 1);
        let upload = fixture.begin_upload(&content).await;
        fixture
            .operator()
            .append(upload.id, 0, body([&content[..PART]]))
            .await
            .unwrap();
        let bucket = fixture.bucket();
        for digest in [image(b"one").digest, image(b"two").digest] {
            bucket.begin_upload(&format!("a/prefix/{}", blob(&digest)));
        }
        bucket.begin_upload("another/blobs/sha256/of/others");
        assert_eq!(bucket.uploads().len(), 4);
        let plan = fixture.operator().gc_plan().await.unwrap();
        assert_eq!(plan.items.len(), 2, "{plan:?}");
        assert_eq!(fixture.collect().await.freed.len(), 2);
        assert_eq!(bucket.uploads().len(), 2);
        let rest = body([&content[PART..]]);
        let done = fixture
            .operator()
            .append(upload.id, PART as u64, rest)
            .await
            .unwrap();
        assert!(done.complete);
    })
    .await;
}

#[tokio::test]
async fn objects_of_others_in_the_bucket_are_kept() {
    on_buckets(async |fixture| {
        let bucket = fixture.bucket();
        let id = "6f2c0c5e-35b3-4b3c-9a47-0e6d3d3f7f10";
        for key in [
            "report.pdf".to_owned(),
            "deep/er/x.bin".to_owned(),
            format!("deep/{id}"),
        ] {
            fixture.overwrite(&format!("staging/{key}"), b"theirs");
        }
        for key in [
            "blobs-of-others/huge.tar",
            "blobs/sha256/huge.tar",
            "blobs/x",
        ] {
            bucket.begin_upload(&format!("a/prefix/{key}"));
        }
        bucket.begin_upload(&format!(
            "a/prefix-of-others/{}",
            blob(&image(b"one").digest)
        ));
        fixture.overwrite(&format!("staging/{id}"), b"left by an upload");
        let freed = fixture.collect().await.freed;
        let path = format!("staging/{id}");
        assert_eq!(freed, [GcItem::OrphanedFile { path, bytes: 17 }]);
        assert_eq!((bucket.uploads().len(), bucket.objects().len()), (4, 4));
        // A plan that names such an object does not free it.
        let path = "staging/report.pdf".to_owned();
        let plan = aar_registry::GcPlan {
            items: vec![GcItem::OrphanedFile { path, bytes: 15 }],
        };
        assert_eq!(fixture.operator().gc_apply(plan).await.unwrap().freed, []);
        assert!(fixture.has("staging/report.pdf"));
    })
    .await;
}

#[tokio::test]
async fn parts_without_an_upload_are_planned_with_their_size() {
    on_buckets(async |fixture| {
        let bucket = fixture.bucket();
        bucket.begin_upload(&format!("a/prefix/{}", blob(&image(b"one").digest)));
        let open = &bucket.uploads()[0];
        bucket.put_part(open, 1, noise(PART));
        bucket.put_part(open, 2, noise(1_234));
        let plan = fixture.operator().gc_plan().await.unwrap();
        assert_eq!(plan.bytes(), PART as u64 + 1_234, "{plan:?}");
        assert_eq!(fixture.collect().await.bytes(), plan.bytes());
        assert_eq!(fixture.operator().gc_plan().await.unwrap().items, []);
    })
    .await;
}

#[tokio::test]
async fn parts_without_an_upload_are_kept_for_the_grace_period() {
    on_buckets(async |fixture| {
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
    })
    .await;
}
