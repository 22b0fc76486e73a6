use aar_testkit::Package;
use aar_types::VersionNumber;
use ams_api::{ApplicationStatus, VersionStatus};
use jiff::SignedDuration;
use sqlx::{Connection, SqliteConnection};

use super::support::{Here, versions};

/// Does to the database what a crash would have left undone.
async fn sql(here: Here, statement: &'static str) -> Here {
    let path = here.path("server/ams.db");
    let url = format!("sqlite://{}", path.display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(statement).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    here.again().await
}

#[tokio::test]
async fn a_version_that_was_being_made_when_ams_died_says_so_and_hides_nothing() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    here.update("game", &Package::new("game").tagged("b")).await;
    let undo = "UPDATE versions SET status = 'initializing', published = 0,
        fingerprint = NULL, digest = NULL, size = NULL WHERE number = 1";
    let here = sql(here, undo).await;
    let application = here.get("game").await;
    assert_eq!(application.status, ApplicationStatus::Error);
    assert_eq!(
        versions(&application),
        [
            (0, VersionStatus::Ready, true),
            (1, VersionStatus::Error, false),
        ]
    );
    assert!(
        application.versions[1]
            .error_message
            .contains("upload its package again")
    );
    assert!(
        here.ams
            .applications()
            .export("game", VersionNumber(0))
            .await
            .is_ok()
    );
    let updated = here.update("game", &Package::new("game").tagged("c")).await;
    assert_eq!(
        (updated.status, updated.versions.len()),
        (ApplicationStatus::Ready, 3)
    );
}

#[tokio::test]
async fn what_was_on_its_way_when_ams_died_is_removed_at_start() {
    let here = Here::new().await;
    let here = here
        .again_after(|folder| drop(folder.write("data/artifacts/staging/left", "x")))
        .await;
    assert!(here.files().is_empty());
}

#[tokio::test]
async fn an_image_whose_row_was_never_written_is_removed_in_time_and_not_before() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    let digest = "ab".repeat(32);
    let orphan = format!("data/artifacts/images/ab/{digest}.tar.zst");
    let partial = format!("{orphan}.partial");
    let here = here
        .again_after(|folder| {
            folder.write(&orphan, "x");
            folder.write(&partial, "x");
        })
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(
        here.path(&orphan).exists(),
        "a round may be about to import it"
    );
    let real = aar_types::Clock::system().now();
    let behind = real.duration_since("2026-01-01T00:00:00Z".parse().unwrap());
    here.clock.advance(behind + SignedDuration::from_hours(2));
    let here = here.again().await;
    let gone = || !here.path(&orphan).exists();
    for _ in 0..200 {
        if gone() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(gone());
    assert!(here.path(&partial).exists(), "a download can go on there");
    assert!(
        here.ams
            .applications()
            .export("game", VersionNumber(0))
            .await
            .unwrap()
            .path
            .exists()
    );
}

#[tokio::test]
async fn a_version_whose_image_could_not_be_placed_keeps_the_reason() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    let (images, aside) = (here.path("data/artifacts/images"), here.path("aside"));
    fs_err::rename(&images, &aside).unwrap();
    fs_err::write(&images, "in the way").unwrap();
    let staged = here.upload(&Package::new("game").tagged("b"));
    let begun = here
        .ams
        .applications()
        .update("game", staged)
        .await
        .unwrap();
    let error = here.failed(begun).await;
    fs_err::remove_file(&images).unwrap();
    fs_err::rename(&aside, &images).unwrap();
    let application = here.get("game").await;
    assert_eq!(application.status, ApplicationStatus::Error);
    assert_eq!(application.versions[1].error_message, error);
    assert_eq!(application.versions[0].status, VersionStatus::Ready);
    let manifest = here.ams.applications().manifest("game", None).await;
    assert!(manifest.is_ok(), "the version before is still there");
}

#[tokio::test]
async fn one_process_at_a_time_has_the_folder() {
    let here = Here::new().await;
    let base = here.path("");
    let second = ams::Ams::open(&base, ams::Settings::default(), here.clock.clone().into()).await;
    let refusal = second.unwrap_err().to_string();
    assert!(refusal.contains("already in use"), "{refusal}");
}

#[tokio::test]
async fn the_certificate_for_the_registry_is_made_once_with_a_private_key() {
    use std::os::unix::fs::PermissionsExt;
    let here = Here::new().await;
    let fingerprint = here.ams.registry_identity().certificate().fingerprint();
    let mode = |path| {
        fs_err::metadata(here.path(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("registry"), mode("registry/client.key")),
        (0o700, 0o600)
    );
    let here = here.again().await;
    assert_eq!(
        here.ams.registry_identity().certificate().fingerprint(),
        fingerprint
    );
}

#[tokio::test]
async fn what_an_older_release_did_not_write_takes_its_default() {
    let here = Here::new().await;
    here.create(&Package::new("game").tagged("a")).await;
    let here = sql(here, "UPDATE versions SET manifest = '{}'").await;
    let here = sql(here, "UPDATE applications SET metadata = '{}'").await;
    let application = here.get("game").await;
    assert_eq!(application.status, ApplicationStatus::Ready);
    assert!(application.tags.is_empty());
    assert_eq!(application.versions[0].manifest_version, "");
}
