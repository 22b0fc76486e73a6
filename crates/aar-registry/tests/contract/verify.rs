use aar_registry::{Error, VerifyOptions, VerifyReport};
use aar_types::Role;

use crate::backend::{
    AMD64, Fixture, blob, certificate, image, name, number, on_every_backend, put, refused,
};
use aar_testkit::packed;

async fn verify(fixture: &Fixture, deep: bool, repair: bool) -> VerifyReport {
    let options = VerifyOptions { deep, repair };
    fixture.operator().verify(options).await.unwrap()
}

#[tokio::test]
async fn consistent_registry_is_sound() {
    on_every_backend(async |fixture| {
        let used = fixture.publish("app", 0, b"image").await;
        let unused = fixture.store(b"not used").await;
        fixture
            .operator()
            .trust_add(certificate(1, Role::Client))
            .await
            .unwrap();
        let report = verify(&fixture, true, false).await;
        assert!(report.is_sound(), "{report:?}");
        assert_eq!((report.blobs, report.bytes), (2, used.size + unused.size));
        assert_eq!(report.unreferenced, [unused.digest]);
    })
    .await;
}

#[tokio::test]
async fn missing_and_corrupt_blobs_are_named_with_the_versions_they_affect() {
    on_every_backend(async |fixture| {
        let lost = fixture.publish("app", 0, b"lost").await.digest;
        let short = fixture.publish("app", 1, b"short").await.digest;
        let rotten = fixture.publish("app", 2, b"rotten").await.digest;
        fixture.erase(&blob(&lost));
        fixture.overwrite(&blob(&short), b"sho");
        fixture.damage(&blob(&rotten));

        let quick = verify(&fixture, false, false).await;
        assert_eq!((quick.missing, quick.corrupt), (vec![lost], vec![short]));
        let deep = verify(&fixture, true, true).await;
        let mut corrupt = vec![short, rotten];
        corrupt.sort();
        assert_eq!((&deep.missing, &deep.corrupt), (&vec![lost], &corrupt));
        assert_eq!(deep.affected, ["app/amd64/0", "app/amd64/1", "app/amd64/2"]);
        assert!(!deep.is_sound());
        // Repairing forgets nothing.
        assert_eq!(fixture.versions().await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn corrupt_image_removed_by_repair_can_be_uploaded_again() {
    on_every_backend(async |fixture| {
        let rotten = fixture.publish("app", 0, b"rotten").await.digest;
        let unused = fixture.store(b"unused").await.digest;
        fixture.damage(&blob(&rotten));
        fixture.damage(&blob(&unused));
        // Of the right size it counts as stored, and only --repair takes anything away.
        let found = verify(&fixture, true, false).await;
        assert!(
            found.removed.is_empty() && fixture.has(&blob(&rotten)),
            "{found:?}"
        );
        assert!(
            fixture
                .begin_upload(&packed(b"rotten").bytes)
                .await
                .complete
        );

        let repaired = verify(&fixture, true, true).await;
        let mut both = vec![rotten, unused];
        both.sort();
        assert_eq!((&repaired.corrupt, &repaired.removed), (&both, &both));
        assert!(!repaired.is_sound());
        assert!(!fixture.has(&blob(&rotten)) && !fixture.has(&blob(&unused)));

        let operator = fixture.operator();
        operator
            .remove_application(&name("app"), None)
            .await
            .unwrap();
        let lost = operator
            .publish(&name("app"), AMD64, number(0), put(image(b"rotten")))
            .await;
        assert!(matches!(refused(lost), Error::ImageNotStored { .. }));
        fixture.publish("app", 0, b"rotten").await;
        let stored = fixture.content(&blob(&rotten)).unwrap();
        assert_eq!(stored, packed(b"rotten").bytes);
        assert!(verify(&fixture, true, false).await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn missing_and_differing_descriptors_are_written_by_repair() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.publish("app", 1, b"one").await;
        let new = certificate(1, Role::Client);
        fixture.operator().trust_add(new.clone()).await.unwrap();
        fixture.erase("applications/app/amd64/0.json");
        fixture.overwrite("applications/app/amd64/1.json", b"{");
        let trust = format!("trust/{}.json", new.fingerprint);
        let changed = fixture.text(&trust).replace("client", "publisher");
        fixture.overwrite(&trust, changed.as_bytes());

        let found = verify(&fixture, false, false).await;
        assert_eq!(found.undescribed.len(), 3, "{found:?}");
        assert!(found.repaired.is_empty() && !found.is_sound());
        let repaired = verify(&fixture, false, true).await;
        assert_eq!(repaired.repaired, found.undescribed);
        let after = verify(&fixture, false, false).await;
        assert!(after.undescribed.is_empty() && after.is_sound());
        assert!(!fixture.text(&trust).contains("publisher"));
    })
    .await;
}

#[tokio::test]
async fn descriptor_of_an_older_program_is_sound() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"zero").await;
        let file = "applications/app/amd64/0.json";
        let mut text: serde_json::Value =
            serde_json::from_slice(&fixture.content(file).unwrap()).unwrap();
        text["version"]["manifest"]
            .as_object_mut()
            .unwrap()
            .remove("features")
            .unwrap();
        fixture.overwrite(file, text.to_string().as_ref());
        assert!(verify(&fixture, false, false).await.undescribed.is_empty());
    })
    .await;
}

#[tokio::test]
async fn unknown_objects_are_stray_and_stay() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"zero").await;
        let strays = [
            "applications/app/amd64/7.json",
            "applications/readme.txt",
            "blobs/sha256/notes",
            &format!("trust/{}.json", "ab".repeat(32)),
        ];
        for stray in strays {
            fixture.overwrite(stray, b"{}");
        }
        let orphan = blob(&image(b"orphan").digest);
        fixture.overwrite(&orphan, b"orphan");
        let mut report = verify(&fixture, true, true).await;
        report.stray.sort();
        let mut expected = strays.map(str::to_owned).to_vec();
        expected.push(orphan);
        expected.sort();
        assert_eq!(report.stray, expected);
        assert!(strays.iter().all(|stray| fixture.has(stray)));
    })
    .await;
}

#[tokio::test]
async fn revocation_known_only_to_storage_is_adopted_and_never_overwritten() {
    on_every_backend(async |mut fixture| {
        let (known, unknown) = (certificate(1, Role::Client), certificate(2, Role::Client));
        fixture.operator().trust_add(known.clone()).await.unwrap();
        fixture
            .with_lost_commit(async |operator| {
                operator.trust_add(unknown.clone()).await.unwrap();
                for one in [&known, &unknown] {
                    operator
                        .trust_revoke(&one.fingerprint.into())
                        .await
                        .unwrap();
                }
            })
            .await;
        let [known, unknown] = [known, unknown].map(|it| format!("trust/{}.json", it.fingerprint));
        let found = verify(&fixture, false, false).await;
        assert_eq!(
            (&found.undescribed, &found.stray),
            (&vec![known.clone()], &vec![unknown.clone()])
        );
        assert!(!found.is_sound() && found.repaired.is_empty());
        let repaired = verify(&fixture, false, true).await;
        assert!(repaired.is_sound(), "{repaired:?}");
        assert_eq!(repaired.repaired, [known.clone(), unknown.clone()]);
        assert!(
            [known, unknown]
                .iter()
                .all(|key| fixture.text(key).contains("revoked"))
        );
        assert_eq!(fixture.operator().trust_list(true).await.unwrap().len(), 2);
        assert_eq!(fixture.registry.trust().certificates().count(), 2);
        let after = verify(&fixture, false, false).await;
        assert!(after.is_sound() && after.stray.is_empty(), "{after:?}");
    })
    .await;
}

#[tokio::test]
async fn certificate_known_only_to_storage_is_removed_by_repair() {
    on_every_backend(async |mut fixture| {
        let new = certificate(1, Role::Client);
        fixture
            .with_lost_commit(async |operator| {
                operator.trust_add(new.clone()).await.unwrap();
            })
            .await;
        let stray = format!("trust/{}.json", new.fingerprint);
        assert_eq!(
            verify(&fixture, false, false).await.stray,
            std::slice::from_ref(&stray)
        );
        assert!(fixture.has(&stray));
        let repaired = verify(&fixture, false, true).await;
        assert!(
            repaired.is_sound() && repaired.repaired == [stray],
            "{repaired:?}"
        );
        assert_eq!(fixture.audit_actions().await, ["repair"]);
        assert_eq!(fixture.rebuild().await.trusted, 0);
        fixture.operator().trust_add(new).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn version_known_only_to_its_descriptor_stays_with_its_variant() {
    on_every_backend(async |mut fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture
            .with_lost_commit(async |operator| {
                let image = put(image(b"zero"));
                operator
                    .publish(&name("new"), AMD64, number(0), image)
                    .await
                    .unwrap();
            })
            .await;
        fixture.overwrite(
            "applications/none/amd64/application.json",
            fixture
                .text("applications/app/amd64/application.json")
                .as_bytes(),
        );
        let repaired = verify(&fixture, false, true).await;
        assert_eq!(
            repaired.repaired,
            ["applications/none/amd64/application.json"]
        );
        let mut left = verify(&fixture, false, true).await;
        assert!(!left.is_sound() && left.repaired.is_empty());
        left.stray.sort();
        let kept = [
            "applications/new/amd64/0.json",
            "applications/new/amd64/application.json",
        ];
        assert_eq!(left.stray, kept);
        fixture.rebuild().await;
        assert_eq!(fixture.versions().await, ["app/amd64/0", "new/amd64/0"]);
    })
    .await;
}

#[tokio::test]
async fn immutable_descriptor_of_another_content_is_named_and_not_overwritten() {
    on_every_backend(async |mut fixture| {
        let first = fixture.publish("app", 0, b"first").await;
        let second = fixture.store(b"second").await;
        fixture
            .with_lost_commit(async |operator| {
                operator
                    .remove_version(&name("app"), AMD64, number(0))
                    .await
                    .unwrap();
                operator
                    .publish(&name("app"), AMD64, number(0), put(second))
                    .await
                    .unwrap();
            })
            .await;
        let file = "applications/app/amd64/0.json";
        let repaired = verify(&fixture, false, true).await;
        assert_eq!(repaired.undescribed[0], file);
        assert!(!repaired.repaired.contains(&file.to_owned()) && !repaired.is_sound());
        assert!(fixture.text(file).contains(&second.fingerprint.to_string()));
        let version = fixture
            .operator()
            .version(&name("app"), AMD64, number(0))
            .await
            .unwrap();
        assert_eq!(version.unwrap().image, first);
        // The deletion of the version settles the conflict.
        fixture
            .operator()
            .remove_version(&name("app"), AMD64, number(0))
            .await
            .unwrap();
        assert!(verify(&fixture, false, false).await.is_sound());
    })
    .await;
}

#[tokio::test]
async fn missing_descriptors_are_mended_and_others_are_not_touched() {
    on_every_backend(async |mut fixture| {
        fixture.publish("app", 0, b"zero").await;
        fixture.publish("app", 1, b"one").await;
        let [kept, gone, never] = [1, 2, 3].map(|first| certificate(first, Role::Client));
        for one in [&kept, &gone] {
            fixture.operator().trust_add(one.clone()).await.unwrap();
        }
        // Every deletion has taken the descriptor along, and was cut short before the row.
        fixture
            .with_lost_commit(async |operator| {
                operator
                    .remove_application(&name("app"), None)
                    .await
                    .unwrap();
                operator
                    .trust_remove(&gone.fingerprint.into())
                    .await
                    .unwrap();
                operator
                    .trust_revoke(&kept.fingerprint.into())
                    .await
                    .unwrap();
                operator.trust_add(never.clone()).await.unwrap();
            })
            .await;
        let operator = fixture.operator();
        let mut written = operator.mend_descriptors().await.unwrap();
        written.sort();
        let expected = [
            "applications/app/amd64/0.json",
            "applications/app/amd64/1.json",
            "applications/app/amd64/application.json",
            &format!("trust/{}.json", gone.fingerprint),
        ];
        assert_eq!(written, expected);
        assert_eq!(operator.mend_descriptors().await.unwrap(), [""; 0]);
        let report = fixture.rebuild().await;
        assert_eq!((report.versions, report.trusted, report.revoked), (2, 2, 1));
        assert_eq!(report.lost, [""; 0]);
    })
    .await;
}
