//! A clock that was a year ahead and is set right.

use std::time::Duration;

use aar_registry::Registry;
use jiff::SignedDuration;

use crate::backend::{
    AMD64, EXPIRY, Fixture, GRACE, blob, body, image, name, number, on_every_backend, on_folders,
};

const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

fn set_right(fixture: &Fixture) {
    fixture.clock.advance(-YEAR);
}

#[tokio::test]
async fn upload_expires_in_time_although_the_clock_was_ahead() {
    on_every_backend(async |fixture| {
        fixture.clock.advance(YEAR);
        let upload = fixture.begin_upload(b"content").await;
        fixture
            .operator()
            .append(upload.id, 0, body([b"cont"]))
            .await
            .unwrap();
        set_right(&fixture);
        let operator = fixture.registry.operator("test");
        let right = operator.upload(upload.id).await.unwrap().unwrap();
        assert_eq!(right.expires_at, fixture.now() + EXPIRY);
        fixture.collect().await;
        fixture.clock.advance(EXPIRY);
        assert_eq!(fixture.collect().await.freed.len(), 1);
        assert_eq!(operator.upload(upload.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn image_without_version_is_freed_in_time_although_the_clock_was_ahead() {
    on_every_backend(async |fixture| {
        fixture.clock.advance(YEAR);
        fixture.store(b"image").await;
        set_right(&fixture);
        assert!(fixture.collect().await.freed.is_empty());
        fixture.clock.advance(GRACE);
        assert_eq!(fixture.collect().await.freed.len(), 1);
        assert!(!fixture.has(&blob(&image(b"image").digest)));
    })
    .await;
}

#[tokio::test]
async fn retention_begins_when_the_clock_is_set_right() {
    on_every_backend(async |mut fixture| {
        fixture.registry.close().await;
        fixture.options.withdrawn_retention = Some(Duration::try_from(GRACE).unwrap());
        fixture.registry = Registry::open(fixture.options.clone()).await.unwrap();
        let operator = fixture.registry.operator("test");
        fixture.publish("app", 0, b"image").await;
        fixture.clock.advance(YEAR);
        let name = name("app");
        let withdrawn = operator.set_published(&name, AMD64, number(0), false);
        withdrawn.await.unwrap();
        set_right(&fixture);
        assert!(operator.remove_withdrawn().await.unwrap().is_empty());
        fixture.clock.advance(GRACE);
        assert_eq!(operator.remove_withdrawn().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn stray_file_is_freed_in_time_although_the_clock_was_ahead() {
    on_folders(async |fixture| {
        let stray = fixture.root().join(blob(&image(b"stray").digest));
        fs_err::create_dir_all(stray.parent().unwrap()).unwrap();
        let file = fs_err::File::create(&stray).unwrap();
        let ahead = fixture.now() + YEAR;
        file.file().set_modified(ahead.into()).unwrap();
        assert!(fixture.collect().await.freed.is_empty());
        fixture.clock.advance(GRACE);
        assert_eq!(fixture.collect().await.freed.len(), 1);
        assert!(!stray.exists());
    })
    .await;
}
