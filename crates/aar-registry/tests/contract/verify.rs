use aar_registry::{Error, VerifyOptions, VerifyReport};
use aar_types::Role;

use crate::backend::{
    AMD64, Fixture, blob, certificate, image, name, number, on_every_backend, put, refused,
};

async fn verify(fixture: &Fixture, deep: bool, repair: bool) -> VerifyReport {
    let options = VerifyOptions { deep, repair };
    fixture.operator().verify(options).await.unwrap()
}

on_every_backend! {
    async fn a_registry_that_agrees_with_itself_is_sound(fixture) {
        fixture.publish("app", 0, b"image").await;
        fixture.store(b"not used").await;
        fixture.operator().trust_add(certificate(1, Role::Client)).await.unwrap();
        let report = verify(&fixture, true, false).await;
        assert!(report.is_sound(), "{report:?}");
        assert_eq!((report.blobs, report.bytes), (2, 13));
        assert_eq!(report.unreferenced, [image(b"not used").digest]);
    }

    async fn lost_and_damaged_blobs_are_named_with_the_versions_they_affect(fixture) {
        let lost = fixture.publish("app", 0, b"lost").await.digest;
        let short = fixture.publish("app", 1, b"short").await.digest;
        let rotten = fixture.publish("app", 2, b"rotten").await.digest;
        fixture.erase(&blob(&lost));
        fixture.overwrite(&blob(&short), b"sho");
        fixture.overwrite(&blob(&rotten), b"rotteN");

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
    }

    async fn a_corrupt_image_that_was_repaired_away_can_be_pushed_again(fixture) {
        let rotten = fixture.publish("app", 0, b"rotten").await.digest;
        let unused = fixture.store(b"unused").await.digest;
        fixture.overwrite(&blob(&rotten), b"rotteN");
        fixture.overwrite(&blob(&unused), b"unuseD");
        // Of the right size it counts as stored, and only --repair takes anything away.
        let found = verify(&fixture, true, false).await;
        assert!(found.removed.is_empty() && fixture.has(&blob(&rotten)), "{found:?}");
        assert!(fixture.begin_upload(b"rotten").await.complete);

        let repaired = verify(&fixture, true, true).await;
        let mut both = vec![rotten, unused];
        both.sort();
        assert_eq!((&repaired.corrupt, &repaired.removed), (&both, &both));
        assert!(!repaired.is_sound());
        assert!(!fixture.has(&blob(&rotten)) && !fixture.has(&blob(&unused)));

        let operator = fixture.operator();
        operator.remove_application(&name("app"), None).await.unwrap();
        let lost = operator.publish(&name("app"), AMD64, number(0), put(image(b"rotten"))).await;
        assert!(matches!(refused(lost), Error::ImageNotStored { .. }));
        fixture.publish("app", 0, b"rotten").await;
        assert_eq!(fixture.content(&blob(&rotten)).unwrap(), b"rotten");
        assert!(verify(&fixture, true, false).await.is_sound());
    }

    async fn descriptors_that_are_missing_or_differ_are_written_anew_on_request(fixture) {
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
    }

    async fn a_descriptor_of_an_older_program_is_as_good_as_a_new_one(fixture) {
        fixture.publish("app", 0, b"zero").await;
        let file = "applications/app/amd64/0.json";
        let mut text: serde_json::Value =
            serde_json::from_slice(&fixture.content(file).unwrap()).unwrap();
        text["version"]["manifest"].as_object_mut().unwrap().remove("features").unwrap();
        fixture.overwrite(file, text.to_string().as_ref());
        assert!(verify(&fixture, false, false).await.undescribed.is_empty());
    }

    async fn what_the_database_does_not_know_is_stray_and_stays(fixture) {
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
    }
}
