use aar_registry::{Error, Published};
use aar_types::{
    ChangeKind::{self, VersionAdded, VersionPublished, VersionWithdrawn},
    ErrorCode, Revision,
};

use crate::backend::{
    AMD64, ARM64, blob, image, name, number, on_every_backend, on_folders, put, refused, tagged,
};

#[tokio::test]
async fn whole_or_not_there_version_without_its_image_is_refused() {
    on_every_backend(async |fixture| {
        let operator = fixture.operator();
        let missing = operator
            .publish(&name("app"), AMD64, number(0), put(image(b"image")))
            .await;
        assert!(matches!(refused(missing), Error::ImageNotStored { .. }));

        let mut image = fixture.store(b"image").await;
        let size = image.size;
        image.size += 1;
        let longer = operator
            .publish(&name("app"), AMD64, number(0), put(image))
            .await;
        let Error::ImageSizeMismatch { stored, given, .. } = refused(longer) else {
            panic!("not a mismatch");
        };
        assert_eq!((stored, given), (size, size + 1));

        assert_eq!(fixture.versions().await, [""; 0]);
        assert_eq!(fixture.revision().await, Revision(0));
    })
    .await;
}

#[tokio::test]
async fn whole_or_not_there_image_lost_in_storage_is_not_stored() {
    on_every_backend(async |fixture| {
        let image = fixture.store(b"image").await;
        fixture.erase(&blob(&image.digest));
        let published = fixture
            .operator()
            .publish(&name("app"), AMD64, number(0), put(image))
            .await;
        assert!(matches!(refused(published), Error::ImageNotStored { .. }));

        // It can be uploaded again, and then it is.
        fixture.publish("app", 0, b"image").await;
        assert_eq!(fixture.versions().await, ["app/amd64/0"]);
    })
    .await;
}

#[tokio::test]
async fn immutable_same_content_again_changes_nothing() {
    on_every_backend(async |fixture| {
        let image = fixture.publish("app", 0, b"image").await;
        let (revision, actions) = (fixture.revision().await, fixture.audit_actions().await);
        let again = fixture
            .operator()
            .publish(&name("app"), AMD64, number(0), put(image))
            .await;
        assert_eq!(again.unwrap(), Published::Unchanged);
        assert_eq!(fixture.revision().await, revision);
        assert_eq!(fixture.audit_actions().await, actions);
    })
    .await;
}

#[tokio::test]
async fn immutable_other_content_is_refused_and_recorded() {
    on_every_backend(async |mut fixture| {
        let first = fixture.publish("app", 0, b"image").await;
        let other = fixture.store(b"other").await;
        let before = fixture.revision().await;
        let conflict = fixture
            .operator()
            .publish(&name("app"), AMD64, number(0), put(other))
            .await;
        let Error::VersionConflict { stored, given, .. } = refused(conflict) else {
            panic!("not a conflict");
        };
        assert_eq!((stored, given), (first.fingerprint, other.fingerprint));
        assert_eq!(fixture.revision().await, before);
        let version = fixture
            .operator()
            .version(&name("app"), AMD64, number(0))
            .await
            .unwrap();
        assert_eq!(version.unwrap().image, first);

        fixture.restart().await;
        let log = fixture.log().await;
        assert_eq!(log[0].outcome, aar_registry::Outcome::Refused);
        assert_eq!(log[0].target, "app/amd64/0");
        assert!(
            log[0].detail.contains(&other.fingerprint.to_string()),
            "{}",
            log[0].detail
        );
    })
    .await;
}

#[tokio::test]
async fn immutable_other_content_is_refused_when_only_storage_knows_the_version() {
    on_every_backend(async |mut fixture| {
        let [first, other] = [fixture.store(b"first").await, fixture.store(b"other").await];
        fixture
            .with_lost_commit(async |operator| {
                operator
                    .publish(&name("app"), AMD64, number(0), put(first))
                    .await
                    .unwrap();
            })
            .await;
        let publish = async |image| {
            fixture
                .operator()
                .publish(&name("app"), AMD64, number(0), put(image))
                .await
        };
        let Error::VersionConflict { stored, given, .. } = refused(publish(other).await) else {
            panic!("not a conflict");
        };
        assert_eq!((stored, given), (first.fingerprint, other.fingerprint));
        assert_eq!(fixture.versions().await, [""; 0]);
        assert_eq!(publish(first).await.unwrap(), Published::Created);
        assert!(fixture.verify().await.is_sound());
        // Once it is deleted, the number is free.
        fixture
            .operator()
            .remove_version(&name("app"), AMD64, number(0))
            .await
            .unwrap();
        assert_eq!(publish(other).await.unwrap(), Published::Created);
    })
    .await;
}

#[tokio::test]
async fn number_can_exist_once_per_architecture() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let other = fixture.store(b"other").await;
        let published = fixture
            .operator()
            .publish(&name("app"), ARM64, number(0), put(other))
            .await;
        assert_eq!(published.unwrap(), Published::Created);
        assert_eq!(fixture.versions().await, ["app/amd64/0", "app/arm64/0"]);
    })
    .await;
}

#[tokio::test]
async fn one_transaction_holds_state_revision_change_audit_and_descriptor() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 7, b"image").await;
        assert_eq!(fixture.revision().await, Revision(1));
        assert_eq!(fixture.registry.revision(), Revision(1));

        let changes = fixture.operator().changes(Revision(0)).await.unwrap();
        assert_eq!(changes.revision, Revision(1));
        let change = &changes.changes[0];
        assert_eq!(
            (change.kind, change.version),
            (VersionAdded, Some(number(7)))
        );
        assert_eq!(change.at, fixture.now());

        let log = fixture.log().await;
        assert_eq!(
            (log[0].action.as_str(), log[0].target.as_str()),
            ("publish", "app/amd64/7")
        );
        assert_eq!(log[0].operator.as_deref(), Some("test"));

        for descriptor in ["7.json", "application.json"] {
            let text = fixture.text(&format!("applications/app/amd64/{descriptor}"));
            assert!(text.contains("\"revision\": 1"), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn withdrawn_version_is_offered_again_on_request() {
    on_every_backend(async |fixture| {
        let image = fixture.publish("app", 0, b"image").await;
        let operator = fixture.operator();
        let withdraw = operator
            .set_published(&name("app"), AMD64, number(0), false)
            .await;
        assert_eq!(withdraw.unwrap(), Some(true));

        let mut quietly = put(image);
        quietly.published = false;
        let unchanged = operator
            .publish(&name("app"), AMD64, number(0), quietly)
            .await;
        assert_eq!(unchanged.unwrap(), Published::Unchanged);
        let again = operator
            .publish(&name("app"), AMD64, number(0), put(image))
            .await;
        assert_eq!(again.unwrap(), Published::OfferedAgain);

        let kinds: Vec<_> = operator.changes(Revision(0)).await.unwrap().changes;
        let kinds: Vec<_> = kinds.into_iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [VersionAdded, VersionWithdrawn, VersionPublished]);
    })
    .await;
}

#[tokio::test]
async fn withdrawing_a_withdrawn_or_missing_version_changes_nothing() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let operator = fixture.operator();
        let set = async |n| {
            operator
                .set_published(&name("app"), AMD64, number(n), true)
                .await
        };
        assert_eq!(set(0).await.unwrap(), Some(false));
        assert_eq!(set(1).await.unwrap(), None);
        assert_eq!(fixture.revision().await, Revision(1));
    })
    .await;
}

#[tokio::test]
async fn newest_version_determines_the_metadata() {
    on_every_backend(async |fixture| {
        let operator = fixture.operator();
        for (n, tags) in [(1, ["one"]), (2, ["two"]), (0, ["zero"])] {
            let mut version = put(fixture.store(format!("image {n}").as_bytes()).await);
            version.application = tagged(&tags);
            operator
                .publish(&name("app"), AMD64, number(n), version)
                .await
                .unwrap();
        }
        let application = operator.application(&name("app")).await.unwrap().unwrap();
        assert_eq!(application.variants[0].metadata.tags, ["two"]);
        // Three versions and one change of metadata.
        assert_eq!(fixture.revision().await, Revision(4));
    })
    .await;
}

#[tokio::test]
async fn metadata_is_replaced_as_a_whole_and_only_when_it_differs() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        let operator = fixture.operator();
        let put = async |app: &str, tags: &[&str]| {
            operator
                .put_application(&name(app), AMD64, tagged(tags))
                .await
                .unwrap()
        };
        assert_eq!(put("app", &["a", "b"]).await, Some(true));
        assert_eq!(put("app", &["a", "b"]).await, Some(false));
        assert_eq!(put("other", &["a"]).await, None);
        let changes = operator.changes(Revision(1)).await.unwrap().changes;
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].kind, ChangeKind::ApplicationUpdated);
        let text = fixture.text("applications/app/amd64/application.json");
        assert!(text.contains("\"revision\": 2"));
    })
    .await;
}

#[tokio::test]
async fn run_to_completion_publication_survives_a_caller_that_hangs_up() {
    on_every_backend(async |fixture| {
        let image = fixture.store(b"image").await;
        let operator = fixture.operator();
        let app = name("app");
        let mut publish = Box::pin(operator.publish(&app, AMD64, number(0), put(image)));
        // Polled once, so that it has begun, and dropped.
        let begun = futures_util::poll!(publish.as_mut());
        assert!(begun.is_pending());
        drop(publish);
        let mut revisions = fixture.registry.revisions();
        revisions
            .wait_for(|revision| *revision == Revision(1))
            .await
            .unwrap();
        assert_eq!(fixture.versions().await, ["app/amd64/0"]);
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn version_is_not_published_when_its_descriptor_cannot_be_read() {
    on_folders(async |fixture| {
        let image = fixture.store(b"image").await;
        let actions = fixture.audit_actions().await;
        let obstruction = fixture.obstruct("applications/app/amd64/0.json");
        let published = fixture
            .operator()
            .publish(&name("app"), AMD64, number(0), put(image))
            .await;
        refused(published);
        assert_eq!(fixture.versions().await, [""; 0]);
        assert_eq!(fixture.revision().await, Revision(0));
        let changes = fixture.operator().changes(Revision(0)).await;
        assert_eq!(changes.unwrap().changes, []);
        assert_eq!(fixture.audit_actions().await, actions);
        assert!(!fixture.has("applications/app/amd64/application.json"));

        drop(obstruction);
        fixture.publish("app", 0, b"image").await;
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn publication_that_cannot_be_delivered_is_recorded_and_can_be_repeated() {
    on_folders(async |fixture| {
        let image = fixture.store(b"image").await;
        let obstruction = fixture.obstruct("applications/app/amd64/application.json");
        let publish = async || {
            let operator = fixture.operator();
            operator
                .publish(&name("app"), AMD64, number(0), put(image))
                .await
        };
        for _ in 0..2 {
            let error = refused(publish().await);
            assert!(matches!(error, Error::Undelivered { .. }), "{error}");
            assert_eq!(error.code(), ErrorCode::Unavailable);
            assert_eq!(fixture.versions().await, ["app/amd64/0"]);
            assert_eq!(fixture.revision().await, Revision(1));
        }
        drop(obstruction);
        assert_eq!(publish().await.unwrap(), Published::Unchanged);
        assert!(fixture.has("applications/app/amd64/application.json"));
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}
