use aar_registry::{Error, ListQuery, Losses, Refusal, Registry};
use aar_types::{Revision, Role};

use crate::backend::{
    AMD64, ARM64, EXPIRY, Fixture, blob, body, certificate, name, number, on_every_backend, put,
    refused, tagged,
};

async fn catalogue(fixture: &Fixture) -> Vec<aar_types::Application> {
    let query = ListQuery {
        limit: 100,
        ..Default::default()
    };
    fixture.operator().list(&query).await.unwrap().applications
}

#[tokio::test]
async fn rebuildable_everything_committed_is_restored() {
    on_every_backend(async |mut fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.publish("app", 1, b"one").await;
        fixture.publish("other", 0, b"one").await;
        let operator = fixture.operator();
        let arm = put(fixture.store(b"arm").await);
        operator
            .publish(&name("app"), ARM64, number(3), arm)
            .await
            .unwrap();
        operator
            .put_application(&name("app"), AMD64, tagged(&["a", "b"]))
            .await
            .unwrap();
        operator
            .set_published(&name("app"), AMD64, number(0), false)
            .await
            .unwrap();
        let (id, before) = (fixture.registry.id().clone(), catalogue(&fixture).await);

        let report = fixture.rebuild().await;
        assert_eq!((report.applications, report.versions), (3, 4));
        assert_eq!((&report.lost, &report.skipped), (&vec![], &vec![]));
        assert_eq!((&report.registry_id, fixture.registry.id()), (&id, &id));
        assert_eq!(catalogue(&fixture).await, before);
        assert!(fixture.verify().await.is_sound());
        // Tags are found again, and blobs are counted again.
        let query = ListQuery {
            tags: vec!["b".into()],
            limit: 1,
            ..Default::default()
        };
        assert_eq!(fixture.operator().list(&query).await.unwrap().total, 1);
        assert_eq!(
            fixture
                .operator()
                .status()
                .await
                .unwrap()
                .unreferenced_bytes,
            0
        );
        assert_eq!(fixture.audit_actions().await, ["rebuild"]);
    })
    .await;
}

#[tokio::test]
async fn rebuildable_revision_never_goes_backwards() {
    on_every_backend(async |mut fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.publish("gone", 0, b"gone").await;
        fixture
            .operator()
            .remove_application(&name("gone"), None)
            .await
            .unwrap();
        let before = fixture.revision().await;
        let report = fixture.rebuild().await;
        assert!(report.revision > before);
        assert_eq!(report.revision, Revision(1 + (1 << 20)));
        assert_eq!(fixture.registry.revision(), report.revision);
        let old = refused(fixture.operator().changes(before).await);
        assert!(matches!(old, Error::ChangesCompacted { .. }));
        fixture.publish("app", 1, b"one").await;
        let new = fixture.operator().changes(report.revision).await.unwrap();
        assert_eq!(new.changes.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn rebuildable_trust_and_revocations_are_restored() {
    on_every_backend(async |mut fixture| {
        let certificates = [1, 2, 3].map(|first| certificate(first, Role::Publisher));
        for one in &certificates {
            fixture.operator().trust_add(one.clone()).await.unwrap();
        }
        let [kept, removed, revoked] = certificates.map(|one| one.fingerprint);
        fixture
            .operator()
            .trust_remove(&removed.into())
            .await
            .unwrap();
        fixture
            .operator()
            .trust_revoke(&revoked.into())
            .await
            .unwrap();
        let lists = async |fixture: &Fixture| {
            let operator = fixture.operator();
            let trusted = operator.trust_list(false).await.unwrap();
            (trusted, operator.trust_list(true).await.unwrap())
        };
        let before = lists(&fixture).await;
        let report = fixture.rebuild().await;
        assert_eq!((report.trusted, report.revoked), (1, 1));
        assert_eq!(lists(&fixture).await, before);
        let role = |one| fixture.registry.role_of(Some(one));
        assert_eq!(role(&kept), Ok(Role::Publisher));
        assert_eq!(role(&removed), Err(Refusal::Unknown));
        assert_eq!(role(&revoked), Err(Refusal::Revoked));
        let again = fixture
            .operator()
            .trust_add(certificate(3, Role::Client))
            .await;
        assert!(matches!(refused(again), Error::CertificateRevoked { .. }));
    })
    .await;
}

#[tokio::test]
async fn deleted_version_does_not_come_back_with_an_older_database() {
    on_every_backend(async |mut fixture| {
        for n in 0..3 {
            fixture.publish("app", n, format!("{n}").as_bytes()).await;
        }
        fixture
            .operator()
            .remove_version(&name("app"), AMD64, number(0))
            .await
            .unwrap();
        fixture
            .with_lost_commit(async |operator| {
                operator
                    .remove_version(&name("app"), AMD64, number(1))
                    .await
                    .unwrap();
            })
            .await;
        // The row is still there; what is left of the version is found, and it can be deleted.
        assert_eq!(fixture.versions().await, ["app/amd64/1", "app/amd64/2"]);
        let report = fixture.verify().await;
        assert_eq!(report.undescribed, ["applications/app/amd64/1.json"]);
        fixture.rebuild().await;
        assert_eq!(fixture.versions().await, ["app/amd64/2"]);
    })
    .await;
}

#[tokio::test]
async fn revoked_certificate_does_not_come_back_with_an_older_database() {
    on_every_backend(async |mut fixture| {
        let (one, two) = (certificate(1, Role::Client), certificate(2, Role::Client));
        fixture.operator().trust_add(one.clone()).await.unwrap();
        fixture.operator().trust_add(two.clone()).await.unwrap();
        fixture
            .with_lost_commit(async |operator| {
                operator
                    .trust_revoke(&one.fingerprint.into())
                    .await
                    .unwrap();
                operator
                    .trust_remove(&two.fingerprint.into())
                    .await
                    .unwrap();
            })
            .await;
        assert_eq!(fixture.operator().trust_list(false).await.unwrap().len(), 2);
        fixture.rebuild().await;
        let role = |one| fixture.registry.role_of(Some(one));
        assert_eq!(role(&one.fingerprint), Err(Refusal::Revoked));
        assert_eq!(role(&two.fingerprint), Err(Refusal::Unknown));
    })
    .await;
}

#[tokio::test]
async fn version_lost_with_the_database_can_be_published_again() {
    on_every_backend(async |mut fixture| {
        let image = fixture.store(b"image").await;
        fixture
            .with_lost_commit(async |operator| {
                operator
                    .publish(&name("app"), AMD64, number(0), put(image))
                    .await
                    .unwrap();
            })
            .await;
        assert_eq!(fixture.versions().await, [""; 0]);
        let found = fixture.verify().await;
        assert_eq!(found.stray.len(), 2);
        fixture.publish("app", 0, b"image").await;
        assert!(fixture.verify().await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn versions_without_blob_are_left_out_only_when_losses_are_accepted() {
    on_every_backend(async |mut fixture| {
        let lost = fixture.publish("app", 0, b"lost").await;
        let short = fixture.publish("app", 1, b"short").await;
        fixture.publish("app", 2, b"good").await;
        fixture.publish("all-lost", 0, b"lost").await;
        fixture.erase(&blob(&lost.digest));
        fixture.overwrite(&blob(&short.digest), b"sho");
        let report = fixture.rebuild_with_losses().await;
        assert_eq!(fixture.versions().await, ["app/amd64/2"]);
        assert_eq!(
            (report.applications, report.lost.len()),
            (1, 3),
            "{:?}",
            report.lost
        );
        assert_eq!(
            report.skipped,
            ["applications/all-lost/amd64/application.json has no version"]
        );
        let short = format!("says {} bytes, its blob has 3", short.size);
        for sentence in ["is not stored", &*short] {
            assert!(
                report.lost.iter().any(|one| one.contains(sentence)),
                "{sentence}"
            );
        }
        // Uploaded again, they can be committed again.
        fixture.publish("app", 0, b"lost").await;
        assert_eq!(fixture.versions().await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn unusable_descriptors_are_left_out_only_when_losses_are_accepted() {
    on_every_backend(async |mut fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.publish("app", 1, b"one").await;
        let zero = fixture.text("applications/app/amd64/0.json");
        fixture.overwrite("applications/app/amd64/1.json", b"{");
        fixture.overwrite("applications/app/amd64/9.json", zero.as_bytes());
        fixture.overwrite("applications/app/amd64/notes.txt", b"");
        fixture.erase("applications/app/amd64/application.json");
        let report = fixture.rebuild_with_losses().await;
        assert_eq!(fixture.versions().await, ["app/amd64/0"]);
        assert_eq!(
            (report.lost.len(), report.skipped.len()),
            (3, 1),
            "{report:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn foreign_objects_are_skipped_and_are_no_loss() {
    on_every_backend(async |mut fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.overwrite("applications/notes.txt", b"");
        fixture.overwrite("trust/notes.txt", b"");
        // As a creation leaves it that was cut short before its version was there.
        let begun = fixture
            .text("applications/app/amd64/application.json")
            .replace("\"app\"", "\"new\"");
        fixture.overwrite("applications/new/amd64/application.json", begun.as_bytes());
        let report = fixture.rebuild().await;
        assert_eq!(report.skipped.len(), 3, "{report:?}");
        assert_eq!(fixture.versions().await, ["app/amd64/0"]);
    })
    .await;
}

#[tokio::test]
async fn uploads_from_before_a_rebuild_are_left_to_garbage_collection() {
    on_every_backend(async |mut fixture| {
        let upload = fixture.begin_upload(b"content").await;
        fixture
            .operator()
            .append(upload.id, 0, body([b"cont"]))
            .await
            .unwrap();
        let unused = fixture.store(b"never committed").await;
        fixture.rebuild().await;
        assert_eq!(fixture.operator().upload(upload.id).await.unwrap(), None);
        fixture.clock.advance(EXPIRY);
        assert_eq!(fixture.collect().await.bytes(), unused.size + 4);
    })
    .await;
}

#[tokio::test]
async fn rebuild_from_storage_without_registry_json_is_refused_and_creates_no_database() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.erase("registry.json");
        fixture.registry.close().await;
        fixture.lose_database();
        let rebuild = Registry::rebuild(fixture.options.clone(), "test", Losses::Refuse);
        let error = refused(rebuild.await);
        assert!(matches!(error, Error::NothingToRebuild { .. }), "{error}");
        let place = if fixture.is_in_bucket() {
            "in the bucket "
        } else {
            "the folder /"
        };
        assert!(error.to_string().contains(place), "{error}");
        assert!(!fixture.database().exists() && !fixture.has("registry.json"));
    })
    .await;
}

#[tokio::test]
async fn rebuild_over_a_used_database_is_refused() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"zero").await;
        let error =
            refused(Registry::rebuild(fixture.options.clone(), "test", Losses::Refuse).await);
        assert!(matches!(error, Error::DatabaseNotEmpty));
        assert_eq!(fixture.versions().await, ["app/amd64/0"]);
    })
    .await;
}
