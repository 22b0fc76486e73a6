use aar_types::{
    ChangeKind::{ApplicationRemoved, VersionRemoved},
    Revision,
};

use crate::backend::{AMD64, ARM64, name, number, on_every_backend, on_folders, put, refused};

#[tokio::test]
async fn the_last_version_takes_its_application_with_it() {
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
async fn an_application_is_removed_on_one_architecture_or_on_all() {
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
async fn a_number_can_be_used_anew_after_its_version_was_deleted() {
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
async fn one_transaction_a_descriptor_that_cannot_be_deleted_keeps_the_version() {
    on_folders(async |fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.publish("app", 1, b"one").await;
        let operator = fixture.operator();
        let (revision, actions) = (fixture.revision().await, fixture.audit_actions().await);
        let obstruction = fixture.obstruct("applications/app/amd64/1.json");
        refused(
            operator
                .remove_version(&name("app"), AMD64, number(1))
                .await,
        );
        // Version 0 comes first: its descriptor was deleted already, and is put back.
        refused(operator.remove_application(&name("app"), None).await);
        drop(obstruction);
        assert_eq!(fixture.versions().await, ["app/amd64/0", "app/amd64/1"]);
        assert_eq!(fixture.revision().await, revision);
        assert_eq!(fixture.audit_actions().await, actions);
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}
