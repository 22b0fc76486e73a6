use aar_package::{read_image_manifest, verify_image};
use aar_testkit::Package;
use aar_types::VersionNumber;
use ams::applications::{CreateOptions, UploadedPackage};
use ams_api::{ApplicationFilter, ApplicationStatus, VersionStatus::Ready};

use super::{
    crash::open_database,
    support::{TestAms, versions},
};

#[tokio::test]
async fn uploaded_package_becomes_a_published_application_with_its_image() {
    let ams = TestAms::new().await;
    let created = ams
        .create(
            &Package::new("game")
                .tagged("a, b")
                .noise("level", 100_000, 1),
        )
        .await;
    assert_eq!(created.status, ApplicationStatus::Ready);
    assert_eq!(versions(&created), [(0, Ready, true)]);
    assert_eq!(
        (created.tags.as_slice(), created.immutable),
        (&["a".to_owned(), "b".to_owned()][..], false)
    );
    assert_eq!(created.id.len(), 20);
    let image = ams
        .applications()
        .export("game", VersionNumber(0))
        .await
        .unwrap();
    assert_eq!(fs_err::metadata(&image.path).unwrap().len(), image.size);
    assert_eq!(
        read_image_manifest(&image.path).unwrap().name.as_str(),
        "game"
    );
    assert_eq!(ams.files(), [image.path], "only the image is left");
}

#[tokio::test]
async fn image_does_not_depend_on_the_archive_format() {
    let ams = TestAms::new().await;
    let package = Package::new("game").file("hooks/pre-start", "#!/bin/sh\n");
    ams.create(&package).await;
    let staged = ams.staging().new_file().unwrap();
    package.write_tar_bz2(staged.path());
    let started = ams.applications().update("game", staged).await.unwrap();
    ams.expect_success(started).await;
    let applications = ams.applications();
    let zip = applications.export("game", VersionNumber(0)).await.unwrap();
    let tar = applications.export("game", VersionNumber(1)).await.unwrap();
    assert_eq!(zip.digest, tar.digest);
}

#[tokio::test]
async fn application_is_found_by_id_and_by_name() {
    let ams = TestAms::new().await;
    let created = ams.create(&Package::new("game")).await;
    assert_eq!(ams.get(&created.id).await, ams.get("game").await);
    assert!(ams.applications().get("other").await.unwrap().is_none());
    let refusal = ams.applications().delete("other", true).await.unwrap_err();
    assert_eq!(refusal.to_string(), "there is no application \"other\"");
}

#[tokio::test]
async fn second_application_with_a_name_is_refused() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    let error = ams
        .expect_failure(ams.start_create(&Package::new("game")))
        .await;
    assert!(error.contains("already exists"), "{error}");
    assert_eq!(ams.files().len(), 1);
}

#[tokio::test]
async fn refused_package_leaves_nothing() {
    let ams = TestAms::new().await;
    let bad = Package::new("game").with("video-encoder: magic");
    let error = ams.expect_failure(ams.start_create(&bad)).await;
    assert!(
        error.contains("video-encoder") && error.contains("gpu-preferred"),
        "{error}"
    );
    let staged = ams.staging().new_file().unwrap();
    fs_err::write(staged.path(), "not an archive").unwrap();
    ams.expect_failure(ams.applications().create(staged, CreateOptions::default()))
        .await;
    let all = ams
        .applications()
        .list(&ApplicationFilter::default())
        .await
        .unwrap();
    assert!(all.is_empty());
    assert!(ams.files().is_empty());
}

#[tokio::test]
async fn unknown_keys_are_warnings_of_the_operation_and_refused_by_a_strict_upload() {
    let ams = TestAms::new().await;
    let package = Package::new("game").with("colour: red");
    let strict = UploadedPackage {
        file: ams.upload(&package),
        strict: true,
    };
    let refused = ams.applications().create(strict, CreateOptions::default());
    let error = ams.expect_failure(refused).await;
    assert!(error.contains("colour"), "{error}");
    assert!(ams.files().is_empty());
    let lenient = ams.upload(&package);
    let created = ams.applications().create(lenient, CreateOptions::default());
    let done = ams.expect_success(created).await;
    let warnings: Vec<_> = done.warnings().collect();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("manifest.yaml: colour"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn new_package_makes_the_next_version_and_replaces_the_metadata() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").tagged("old")).await;
    let next = Package::new("game")
        .tagged("new")
        .with("resources: {vpu-slots: 2}");
    let updated = ams.update("game", &next).await;
    assert_eq!(versions(&updated), [(0, Ready, true), (1, Ready, true)]);
    assert_eq!(updated.tags, ["new"]);
    assert_eq!(
        updated.resources.vpu_slots,
        Some(2),
        "an update replaces the metadata"
    );
}

#[tokio::test]
async fn package_of_another_application_is_refused() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    let staged = ams.upload(&Package::new("other"));
    let started = ams.applications().update("game", staged).await.unwrap();
    let error = ams.expect_failure(started).await;
    assert!(error.contains("game") && error.contains("other"), "{error}");
    assert_eq!(ams.get("game").await.versions.len(), 1);
}

#[tokio::test]
async fn vm_option_is_kept_by_updates() {
    let ams = TestAms::new().await;
    let staged = ams.upload(&Package::new("game"));
    let options = CreateOptions { vm: true };
    ams.expect_success(ams.applications().create(staged, options))
        .await;
    assert!(ams.get("game").await.vm);
    assert!(
        ams.update("game", &Package::new("game").tagged("x"))
            .await
            .vm
    );
}

#[tokio::test]
async fn attribute_set_during_an_update_is_kept_if_no_package_can_contain_it() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    // Sets it when the new version gets its number.
    let trigger = "CREATE TRIGGER set_during_update AFTER INSERT ON versions BEGIN
        UPDATE applications
        SET metadata = json_set(metadata, '$.inhibit_auto_updates', json('true'));
        END";
    let mut database = open_database(&ams).await;
    sqlx::query(trigger).execute(&mut database).await.unwrap();
    let updated = ams.update("game", &Package::new("game").tagged("x")).await;
    assert_eq!(updated.tags, ["x"]);
    assert!(updated.inhibit_auto_updates);
}

#[tokio::test]
async fn versions_use_global_addons_in_addition_to_their_own() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").with("addons: [ssh, gms]"))
        .await;
    let config = ams.config();
    config
        .set("application.addons", "gms, tools")
        .await
        .unwrap();
    let game = ams.get("game").await;
    let used = game.versions[0].addons.iter().map(|it| it.name.as_str());
    assert_eq!(used.collect::<Vec<_>>(), ["ssh", "gms", "tools"]);
    assert_eq!(game.addons, ["ssh", "gms"], "its own addons do not change");
    let all = ApplicationFilter::default();
    let listed = ams.applications().list(&all).await.unwrap();
    assert_eq!(listed, [game]);
}

#[tokio::test]
async fn listing_is_filtered() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("a").tagged("x")).await;
    ams.create(&Package::new("b").tagged("x, y")).await;
    let mut filter = ApplicationFilter::default();
    filter.set("tags", "y").unwrap();
    filter.set("status", "ready").unwrap();
    let listed = ams.applications().list(&filter).await.unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|application| application.name.as_str())
        .collect();
    assert_eq!(names, ["b"]);
}

#[tokio::test]
async fn exported_image_can_be_uploaded_again() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").noise("level", 50_000, 2))
        .await;
    let export = ams
        .applications()
        .export("game", VersionNumber(0))
        .await
        .unwrap();
    let staged = ams.staging().new_file().unwrap();
    fs_err::copy(&export.path, staged.path()).unwrap();
    let started = ams.applications().update("game", staged).await.unwrap();
    ams.expect_success(started).await;
    let again = ams
        .applications()
        .export("game", VersionNumber(1))
        .await
        .unwrap();
    assert_eq!(again.digest, export.digest);
    let missing = ams
        .applications()
        .export("game", VersionNumber(7))
        .await
        .unwrap_err();
    assert_eq!(missing.to_string(), "application game has no version 7");
}

#[tokio::test]
async fn manifest_has_present_attributes_and_is_valid() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").tagged("a").with("version: \"1.4\""))
        .await;
    let file = ams.applications().manifest("game", None).await.unwrap();
    let manifest = aar_package::read_manifest(&file.text).unwrap();
    assert_eq!(manifest.version.manifest_version, "1.4");
    assert_eq!(manifest.application.tags, ["a"]);
    let of_version = ams
        .applications()
        .manifest("game", Some(VersionNumber(0)))
        .await;
    assert_eq!(of_version.unwrap(), file);
}

#[tokio::test]
async fn stored_image_passes_verification() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").noise("level", 3_000_000, 3))
        .await;
    let export = ams
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
        "only the fingerprint is wrong: {error}"
    );
}
