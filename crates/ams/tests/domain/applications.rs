use aar_package::{read_image_manifest, verify_image};
use aar_testkit::Package;
use aar_types::VersionNumber;
use ams::applications::CreateOptions;
use ams_api::{ApplicationFilter, ApplicationStatus, VersionStatus::Ready};

use super::{
    crash::database,
    support::{Here, versions},
};

#[tokio::test]
async fn an_uploaded_package_becomes_a_published_application_with_its_image() {
    let here = Here::new().await;
    let made = here
        .create(
            &Package::new("game")
                .tagged("a, b")
                .noise("level", 100_000, 1),
        )
        .await;
    assert_eq!(made.status, ApplicationStatus::Ready);
    assert_eq!(versions(&made), [(0, Ready, true)]);
    assert_eq!(
        (made.tags.as_slice(), made.immutable),
        (&["a".to_owned(), "b".to_owned()][..], false)
    );
    assert_eq!(made.id.len(), 20);
    let image = here
        .ams
        .applications()
        .export("game", VersionNumber(0))
        .await
        .unwrap();
    assert_eq!(fs_err::metadata(&image.path).unwrap().len(), image.size);
    assert_eq!(
        read_image_manifest(&image.path).unwrap().name.as_str(),
        "game"
    );
    assert_eq!(here.files(), [image.path], "nothing but the image is left");
}

#[tokio::test]
async fn the_image_is_the_same_whatever_the_package_came_in() {
    let here = Here::new().await;
    let package = Package::new("game").file("hooks/pre-start", "#!/bin/sh\n");
    here.create(&package).await;
    let staged = here.ams.staging().new_file().unwrap();
    package.write_tar_bz2(staged.path());
    let begun = here
        .ams
        .applications()
        .update("game", staged)
        .await
        .unwrap();
    here.succeeded(begun).await;
    let applications = here.ams.applications();
    let zip = applications.export("game", VersionNumber(0)).await.unwrap();
    let tar = applications.export("game", VersionNumber(1)).await.unwrap();
    assert_eq!(zip.digest, tar.digest);
}

#[tokio::test]
async fn applications_are_found_by_id_and_by_name() {
    let here = Here::new().await;
    let made = here.create(&Package::new("game")).await;
    assert_eq!(here.get(&made.id).await, here.get("game").await);
    assert!(
        here.ams
            .applications()
            .get("other")
            .await
            .unwrap()
            .is_none()
    );
    let refusal = here
        .ams
        .applications()
        .delete("other", true)
        .await
        .unwrap_err();
    assert_eq!(refusal.to_string(), "there is no application \"other\"");
}

#[tokio::test]
async fn names_are_unique() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    let error = here.failed(here.begin_create(&Package::new("game"))).await;
    assert!(error.contains("already exists"), "{error}");
    assert_eq!(here.files().len(), 1);
}

#[tokio::test]
async fn a_package_that_is_refused_leaves_nothing_behind() {
    let here = Here::new().await;
    let bad = Package::new("game").with("video-encoder: magic");
    let error = here.failed(here.begin_create(&bad)).await;
    assert!(
        error.contains("video-encoder") && error.contains("gpu-preferred"),
        "{error}"
    );
    let staged = here.ams.staging().new_file().unwrap();
    fs_err::write(staged.path(), "not an archive").unwrap();
    here.failed(
        here.ams
            .applications()
            .create(staged, CreateOptions::default()),
    )
    .await;
    let all = here
        .ams
        .applications()
        .list(&ApplicationFilter::default())
        .await
        .unwrap();
    assert!(all.is_empty());
    assert!(here.files().is_empty());
}

#[tokio::test]
async fn a_new_package_makes_the_next_version_and_its_metadata_holds_at_once() {
    let here = Here::new().await;
    here.create(&Package::new("game").tagged("old")).await;
    let next = Package::new("game")
        .tagged("new")
        .with("resources: {vpu-slots: 2}");
    let updated = here.update("game", &next).await;
    assert_eq!(versions(&updated), [(0, Ready, true), (1, Ready, true)]);
    assert_eq!(updated.tags, ["new"]);
    assert_eq!(
        updated.resources.vpu_slots,
        Some(2),
        "metadata is not stale after an update"
    );
}

#[tokio::test]
async fn the_package_of_another_application_is_no_update() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    let staged = here.upload(&Package::new("other"));
    let begun = here
        .ams
        .applications()
        .update("game", staged)
        .await
        .unwrap();
    let error = here.failed(begun).await;
    assert!(error.contains("game") && error.contains("other"), "{error}");
    assert_eq!(here.get("game").await.versions.len(), 1);
}

#[tokio::test]
async fn a_virtual_machine_stays_one_through_updates() {
    let here = Here::new().await;
    let staged = here.upload(&Package::new("game"));
    let options = CreateOptions { vm: true };
    here.succeeded(here.ams.applications().create(staged, options))
        .await;
    assert!(here.get("game").await.vm);
    assert!(
        here.update("game", &Package::new("game").tagged("x"))
            .await
            .vm
    );
}

#[tokio::test]
async fn what_no_package_can_say_stays_as_it_was_set_while_a_package_was_worked_on() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    // Somebody sets it as soon as the new version has its number.
    let meanwhile = "CREATE TRIGGER meanwhile AFTER INSERT ON versions BEGIN
        UPDATE applications
        SET metadata = json_set(metadata, '$.inhibit_auto_updates', json('true'));
        END";
    let mut database = database(&here).await;
    sqlx::query(meanwhile).execute(&mut database).await.unwrap();
    let updated = here.update("game", &Package::new("game").tagged("x")).await;
    assert_eq!(updated.tags, ["x"]);
    assert!(updated.inhibit_auto_updates);
}

#[tokio::test]
async fn addons_of_every_application_are_used_by_its_versions_beside_its_own() {
    let here = Here::new().await;
    here.create(&Package::new("game").with("addons: [ssh, gms]"))
        .await;
    let config = here.ams.config();
    config
        .set("application.addons", "gms, tools")
        .await
        .unwrap();
    let game = here.get("game").await;
    let used = game.versions[0].addons.iter().map(|it| it.name.as_str());
    assert_eq!(used.collect::<Vec<_>>(), ["ssh", "gms", "tools"]);
    assert_eq!(game.addons, ["ssh", "gms"], "what is its own stays so");
    let all = ApplicationFilter::default();
    let listed = here.ams.applications().list(&all).await.unwrap();
    assert_eq!(listed, [game]);
}

#[tokio::test]
async fn listings_are_filtered() {
    let here = Here::new().await;
    here.create(&Package::new("a").tagged("x")).await;
    here.create(&Package::new("b").tagged("x, y")).await;
    let mut filter = ApplicationFilter::default();
    filter.set("tags", "y").unwrap();
    filter.set("status", "ready").unwrap();
    let listed = here.ams.applications().list(&filter).await.unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|application| application.name.as_str())
        .collect();
    assert_eq!(names, ["b"]);
}

#[tokio::test]
async fn an_exported_image_is_what_its_hashes_say_and_can_be_uploaded_again() {
    let here = Here::new().await;
    here.create(&Package::new("game").noise("level", 50_000, 2))
        .await;
    let export = here
        .ams
        .applications()
        .export("game", VersionNumber(0))
        .await
        .unwrap();
    let staged = here.ams.staging().new_file().unwrap();
    fs_err::copy(&export.path, staged.path()).unwrap();
    let begun = here
        .ams
        .applications()
        .update("game", staged)
        .await
        .unwrap();
    here.succeeded(begun).await;
    let again = here
        .ams
        .applications()
        .export("game", VersionNumber(1))
        .await
        .unwrap();
    assert_eq!(again.digest, export.digest);
    let missing = here
        .ams
        .applications()
        .export("game", VersionNumber(7))
        .await
        .unwrap_err();
    assert_eq!(missing.to_string(), "application game has no version 7");
}

#[tokio::test]
async fn a_manifest_says_what_holds_now_and_is_accepted_as_one() {
    let here = Here::new().await;
    here.create(&Package::new("game").tagged("a").with("version: \"1.4\""))
        .await;
    let file = here
        .ams
        .applications()
        .manifest("game", None)
        .await
        .unwrap();
    let manifest = aar_package::read_manifest(&file.text).unwrap();
    assert_eq!(manifest.version.manifest_version, "1.4");
    assert_eq!(manifest.application.tags, ["a"]);
    let of_version = here
        .ams
        .applications()
        .manifest("game", Some(VersionNumber(0)))
        .await;
    assert_eq!(of_version.unwrap(), file);
}

#[tokio::test]
async fn stored_images_verify() {
    let here = Here::new().await;
    here.create(&Package::new("game").noise("level", 3_000_000, 3))
        .await;
    let export = here
        .ams
        .applications()
        .export("game", VersionNumber(0))
        .await
        .unwrap();
    let image = aar_types::ImageInfo {
        fingerprint: aar_types::Fingerprint::from_bytes([0; 32]),
        digest: export.digest,
        size: export.size,
    };
    let error = verify_image(&export.path, &image).unwrap_err().to_string();
    assert!(
        error.contains("fingerprint"),
        "only the invented fingerprint differs: {error}"
    );
}
