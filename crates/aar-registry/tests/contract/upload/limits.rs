//! Space and expiry.

use super::*;

#[tokio::test]
async fn repeated_upload_reserves_its_space_once() {
    on_every_backend(async |mut fixture| {
        fixture.registry.close().await;
        fixture.options.uploads.max_staged_bytes = 1_500;
        fixture.registry = Registry::open(fixture.options.clone()).await.unwrap();
        let content = noise(1_000);
        let lost = fixture.begin_upload(&content).await;
        fixture.clock.advance(EXPIRY / 2);
        let again = fixture.begin_upload(&content).await;
        assert_eq!((again.id, again.offset), (lost.id, 0));
        assert_eq!(again.expires_at, fixture.now() + EXPIRY);
        // It belongs to its owner, and to its image.
        let new = UploadNew {
            length: 1_000,
            digest: lost.digest,
        };
        let others = fixture
            .registry
            .operator("other")
            .create_upload(new, "")
            .await;
        assert!(matches!(refused(others), Error::StagingFull { .. }));
        let other_length = UploadNew { length: 501, ..new };
        let other_length = fixture.operator().create_upload(other_length, "").await;
        assert!(matches!(refused(other_length), Error::StagingFull { .. }));
        // Nor is an upload returned that has progress: the client does not know that.
        fixture
            .operator()
            .append(lost.id, 0, body([&content[..100]]))
            .await
            .unwrap();
        let third = fixture.operator().create_upload(new, "").await;
        assert!(matches!(refused(third), Error::StagingFull { .. }));
        assert!(append_rest(&fixture, &lost, &content).await.complete);
    })
    .await;
}

#[tokio::test]
async fn upload_reserves_its_whole_length_at_the_start() {
    on_every_backend(async |mut fixture| {
        fixture.registry.close().await;
        fixture.options.uploads.max_open = 2;
        fixture.options.uploads.max_staged_bytes = 100;
        fixture.registry = Registry::open(fixture.options.clone()).await.unwrap();
        let operator = fixture.operator();
        let begin = async |length, byte| {
            let digest = digest(&[byte]);
            operator
                .create_upload(UploadNew { length, digest }, "")
                .await
        };
        assert!(matches!(refused(begin(0, 0).await), Error::EmptyUpload));
        assert!(matches!(
            refused(begin(101, 0).await),
            Error::UploadTooLarge { max: 100, .. }
        ));
        begin(60, 1).await.unwrap();
        let full = refused(begin(41, 2).await);
        assert!(
            matches!(
                full,
                Error::StagingFull {
                    free: 40,
                    length: 41
                }
            ),
            "{full}"
        );
        begin(40, 2).await.unwrap();
        assert!(matches!(
            refused(begin(1, 3).await),
            Error::TooManyUploads { max: 2 }
        ));
        // Expired uploads are dropped when space is needed.
        fixture.clock.advance(EXPIRY);
        begin(100, 3).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn upload_expires_unless_it_is_continued() {
    on_every_backend(async |fixture| {
        let content = noise(1000);
        let upload = fixture.begin_upload(&content).await;
        fixture.clock.advance(EXPIRY / 4 * 3);
        let touched = fixture
            .operator()
            .append(upload.id, 0, body([&content[..500]]))
            .await;
        assert_eq!(touched.unwrap().expires_at, fixture.now() + EXPIRY);
        fixture.clock.advance(EXPIRY / 4 * 3);
        assert_eq!(offset(&fixture, upload.id).await, 500);
        fixture.clock.advance(EXPIRY / 4);
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
        let late = fixture
            .operator()
            .append(upload.id, 500, body([&content[500..]]))
            .await;
        assert!(matches!(refused(late), Error::UploadNotFound { .. }));
    })
    .await;
}

#[tokio::test]
async fn upload_without_progress_expires_though_it_is_continued() {
    on_every_backend(async |fixture| {
        let content = noise(1000);
        let upload = fixture.begin_upload(&content).await;
        let operator = fixture.operator();
        let idle = async |offset: u64, times: usize| {
            for n in 0..times {
                fixture.clock.advance(EXPIRY / 4 * 3);
                if operator
                    .append(upload.id, offset, body([b""]))
                    .await
                    .is_err()
                {
                    return n;
                }
            }
            times
        };
        assert_eq!(idle(0, 5).await, 5);
        // Progress starts a new life.
        operator
            .append(upload.id, 0, body([&content[..500]]))
            .await
            .unwrap();
        let lived = idle(500, 100).await;
        assert!((5..10).contains(&lived), "{lived}");
        assert_eq!(operator.upload(upload.id).await.unwrap(), None);
        // Repeating the creation does not keep it for ever, either.
        let first = fixture.begin_upload(&content).await.id;
        let mut begun = 0;
        while fixture.begin_upload(&content).await.id == first {
            fixture.clock.advance(EXPIRY / 4 * 3);
            begun += 1;
            assert!(begun < 100);
        }
    })
    .await;
}

#[tokio::test]
async fn dropped_upload_leaves_nothing() {
    on_every_backend(async |fixture| {
        let upload = fixture.begin_upload(b"content").await;
        fixture
            .operator()
            .append(upload.id, 0, body([b"cont"]))
            .await
            .unwrap();
        assert!(fixture.operator().terminate(upload.id).await.unwrap());
        assert!(!fixture.operator().terminate(upload.id).await.unwrap());
        assert_eq!(fixture.staged(), 0);
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
    })
    .await;
}
