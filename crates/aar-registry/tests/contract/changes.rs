use aar_registry::{Error, Registry};
use aar_types::Revision;

use crate::backend::{AMD64, name, number, on_every_backend, on_folders, refused};

#[tokio::test]
async fn feed_continues_after_the_last_revision_read() {
    on_every_backend(async |fixture| {
        for n in 0..3 {
            fixture.publish("app", n, format!("{n}").as_bytes()).await;
        }
        let operator = fixture.operator();
        let read = async |since| operator.changes(Revision(since)).await.unwrap();
        let all = read(0).await;
        assert_eq!((all.changes.len(), all.revision), (3, Revision(3)));
        assert_eq!(&all.registry_id, fixture.registry.id());
        assert_eq!(read(2).await.changes, all.changes[2..]);
        assert_eq!(read(3).await.changes, []);
    })
    .await;
}

#[tokio::test]
async fn unknown_revision_is_refused_with_the_range_of_the_feed() {
    on_every_backend(async |mut fixture| {
        fixture.registry.close().await;
        fixture.options.changes_kept = 3;
        fixture.registry = Registry::open(fixture.options.clone()).await.unwrap();
        fixture.publish("app", 0, b"image").await;
        let operator = fixture.operator();
        for n in 0..5 {
            let published = n % 2 == 1;
            operator
                .set_published(&name("app"), AMD64, number(0), published)
                .await
                .unwrap();
        }
        // Six revisions, of which three are kept.
        assert_eq!(
            operator.changes(Revision(3)).await.unwrap().changes.len(),
            3
        );
        for since in [2, 7] {
            let error = refused(operator.changes(Revision(since)).await);
            let Error::ChangesCompacted { oldest, newest, .. } = error else {
                panic!("{error}");
            };
            assert_eq!((oldest, newest), (Revision(3), Revision(6)));
        }
    })
    .await;
}

#[tokio::test]
async fn long_feed_comes_in_pages() {
    on_folders(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let operator = fixture.operator();
        for n in 0..1001 {
            let published = n % 2 == 1;
            operator
                .set_published(&name("app"), AMD64, number(0), published)
                .await
                .unwrap();
        }
        let first = operator.changes(Revision(0)).await.unwrap();
        assert_eq!(
            (first.changes.len(), first.revision),
            (1000, Revision(1000))
        );
        let rest = operator.changes(first.revision).await.unwrap();
        assert_eq!((rest.changes.len(), rest.revision), (2, Revision(1002)));
    })
    .await;
}
