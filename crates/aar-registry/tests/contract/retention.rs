use std::time::Duration;

use aar_registry::Registry;
use jiff::SignedDuration;

use crate::backend::{AMD64, Fixture, GRACE, blob, image, name, number, on_every_backend};

const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

async fn keep_withdrawn_for(fixture: &mut Fixture, retention: SignedDuration) {
    fixture.registry.close().await;
    fixture.options.withdrawn_retention = Some(Duration::try_from(retention).unwrap());
    fixture.registry = Registry::open(fixture.options.clone()).await.unwrap();
}

async fn set_published(fixture: &Fixture, n: u32, published: bool) {
    let operator = fixture.registry.operator("test");
    let name = name("app");
    let changed = operator.set_published(&name, AMD64, number(n), published);
    assert_eq!(changed.await.unwrap(), Some(true));
}

async fn remove_withdrawn(fixture: &Fixture) -> Vec<String> {
    let operator = fixture.registry.operator("test");
    operator.remove_withdrawn().await.unwrap()
}

#[tokio::test]
async fn withdrawn_version_is_kept_without_a_retention() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        set_published(&fixture, 0, false).await;
        fixture.clock.advance(RETENTION * 100);
        assert!(remove_withdrawn(&fixture).await.is_empty());
        assert_eq!(fixture.versions().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn version_withdrawn_for_the_retention_is_deleted_for_good() {
    on_every_backend(async |mut fixture| {
        keep_withdrawn_for(&mut fixture, RETENTION).await;
        for n in 0..3 {
            fixture
                .publish("app", n, format!("image {n}").as_bytes())
                .await;
        }
        set_published(&fixture, 0, false).await;
        set_published(&fixture, 1, false).await;
        fixture.clock.advance(RETENTION / 2);
        // This one starts anew.
        set_published(&fixture, 1, true).await;
        set_published(&fixture, 1, false).await;
        fixture
            .clock
            .advance(RETENTION / 2 - SignedDuration::from_secs(1));
        assert!(remove_withdrawn(&fixture).await.is_empty());
        fixture.clock.advance(SignedDuration::from_secs(1));
        let revision = fixture.revision().await;
        assert_eq!(remove_withdrawn(&fixture).await.len(), 1);
        assert!(fixture.revision().await > revision);
        assert_eq!(fixture.versions().await, ["app/amd64/1", "app/amd64/2"]);
        fixture.clock.advance(GRACE);
        fixture.collect().await;
        assert!(!fixture.has(&blob(&image(b"image 0").digest)));
        fixture.rebuild().await;
        assert_eq!(fixture.versions().await, ["app/amd64/1", "app/amd64/2"]);
    })
    .await;
}
