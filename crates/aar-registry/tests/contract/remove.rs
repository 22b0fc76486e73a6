use aar_registry::Error;
use aar_types::{
    ChangeKind::{ApplicationRemoved, VersionRemoved},
    Revision,
};

use crate::backend::{AMD64, ARM64, name, number, on_every_backend, on_folders, put, refused};

#[tokio::test]
async fn removing_the_last_version_removes_the_application() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.publish("app", 1, b"one").await;
        let operator = fixture.operator();
        assert!(
            operator
                .remove_version(&name("app"), AMD64, number(0))
                .await
                .unwrap()
        );
        assert_eq!(fixture.versions().await, ["app/amd64/1"]);
        assert!(
            operator
                .remove_version(&name("app"), AMD64, number(1))
                .await
                .unwrap()
        );
        assert_eq!(operator.application(&name("app")).await.unwrap(), None);
        assert!(
            !operator
                .remove_version(&name("app"), AMD64, number(1))
                .await
                .unwrap()
        );

        let changes = operator.changes(Revision(2)).await.unwrap().changes;
        let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [VersionRemoved, VersionRemoved, ApplicationRemoved]);
        assert!(!fixture.has("applications/app/amd64/application.json"));
    })
    .await;
}

#[tokio::test]
async fn application_is_removed_on_one_architecture_or_on_all() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.publish("app", 1, b"one").await;
        let operator = fixture.operator();
        for n in [0, 1] {
            let image = fixture.store(b"arm").await;
            operator
                .publish(&name("app"), ARM64, number(n), put(image))
                .await
                .unwrap();
        }
        let remove = async |arch| {
            operator
                .remove_application(&name("app"), arch)
                .await
                .unwrap()
        };
        assert_eq!(remove(Some(AMD64)).await, 2);
        assert_eq!(fixture.versions().await, ["app/arm64/0", "app/arm64/1"]);
        assert_eq!(remove(Some(AMD64)).await, 0);
        assert_eq!(remove(None).await, 2);
        assert_eq!(fixture.versions().await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn number_of_a_deleted_version_can_be_used_anew() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"zero").await;
        let operator = fixture.operator();
        operator
            .remove_version(&name("app"), AMD64, number(0))
            .await
            .unwrap();
        fixture.publish("app", 0, b"something else").await;
        assert_eq!(fixture.versions().await, ["app/amd64/0"]);
    })
    .await;
}

#[tokio::test]
async fn deletion_that_cannot_be_delivered_is_recorded_and_acknowledged_when_repeated() {
    on_folders(async |mut fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.publish("app", 1, b"one").await;
        let operator = fixture.operator();
        let app = name("app");
        let obstruction = fixture.obstruct("applications/app/amd64/1.json");
        for _ in 0..2 {
            let error = refused(operator.remove_version(&app, AMD64, number(1)).await);
            assert!(matches!(error, Error::Undelivered { .. }), "{error}");
            assert_eq!(fixture.versions().await, ["app/amd64/0"]);
        }
        for _ in 0..2 {
            let error = refused(operator.remove_application(&app, None).await);
            assert!(matches!(error, Error::Undelivered { .. }), "{error}");
            assert_eq!(fixture.versions().await, [""; 0]);
        }
        // The descriptor is there again.
        drop(obstruction);
        assert!(fixture.has("applications/app/amd64/1.json"));
        assert_eq!(operator.remove_application(&app, None).await.unwrap(), 0);
        assert!(!fixture.has("applications/app/amd64/1.json"));
        assert!(fixture.verify().await.is_sound());
        assert_eq!(fixture.rebuild().await.versions, 0);
    })
    .await;
}
