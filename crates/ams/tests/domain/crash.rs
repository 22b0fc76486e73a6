use aar_testkit::Package;
use aar_types::VersionNumber;
use ams_api::{ApplicationStatus, VersionStatus};
use sqlx::{Connection, SqliteConnection};

use super::support::{TestAms, versions};

/// Connects to the database directly.
pub(super) async fn open_database(ams: &TestAms) -> SqliteConnection {
    let path = ams.path("server/ams.db");
    let url = format!("sqlite://{}", path.display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// Changes the database and restarts AMS.
async fn restart_after_sql(ams: TestAms, statement: &'static str) -> TestAms {
    let mut database = open_database(&ams).await;
    sqlx::query(statement).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    ams.restart().await
}

#[tokio::test]
async fn version_interrupted_by_a_crash_is_failed_and_others_stay() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    ams.update("game", &Package::new("game").tagged("b")).await;
    let interrupt = "UPDATE versions SET status = 'initializing', published = 0,
        fingerprint = NULL, digest = NULL, size = NULL WHERE number = 1";
    let ams = restart_after_sql(ams, interrupt).await;
    let application = ams.get("game").await;
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
        ams.applications()
            .export("game", VersionNumber(0))
            .await
            .is_ok()
    );
    let updated = ams.update("game", &Package::new("game").tagged("c")).await;
    assert_eq!(
        (updated.status, updated.versions.len()),
        (ApplicationStatus::Ready, 3)
    );
}

#[tokio::test]
async fn staged_file_left_by_a_crash_is_removed_at_start() {
    let ams = TestAms::new().await;
    let ams = ams
        .restart_after(|folder| drop(folder.write("data/artifacts/staging/left", "x")))
        .await;
    assert!(ams.files().is_empty());
}

#[tokio::test]
async fn old_image_without_a_row_is_kept_for_the_next_round() {
    let ams = TestAms::new().await;
    let orphan = format!("data/artifacts/images/ab/{}.tar.zst", "ab".repeat(32));
    let ams = ams
        .restart_after(|folder| {
            let path = folder.write(&orphan, "x");
            let file = fs_err::File::options().append(true).open(path).unwrap();
            file.into_file()
                .set_modified(std::time::UNIX_EPOCH)
                .unwrap();
        })
        .await;
    // Gives a sweep at the start time to remove it.
    ams.create(&Package::new("game")).await;
    assert!(ams.path(&orphan).exists());
}

#[tokio::test]
async fn failed_version_is_recorded_as_soon_as_the_database_can_be_written() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    let mut database = open_database(&ams).await;
    let full = "CREATE TRIGGER full BEFORE UPDATE ON versions BEGIN
        SELECT RAISE(ABORT, 'no room'); END";
    sqlx::query(full).execute(&mut database).await.unwrap();
    let staged = ams.upload(&Package::new("game").tagged("b"));
    let started = ams.applications().update("game", staged).await.unwrap();
    let error = ams.expect_failure(started).await;
    assert!(error.contains("no room"), "{error}");
    assert_eq!(ams.files().len(), 1, "an image without a row is removed");
    let version = async || ams.get("game").await.versions[1].clone();
    assert_eq!(version().await.status, VersionStatus::Initializing);
    sqlx::query("DROP TRIGGER full")
        .execute(&mut database)
        .await
        .unwrap();
    while version().await.status == VersionStatus::Initializing {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let version = version().await;
    assert_eq!(version.status, VersionStatus::Error);
    assert_eq!(version.error_message, error);
}

#[tokio::test]
async fn version_whose_image_could_not_be_placed_has_the_reason() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    let (images, aside) = (ams.path("data/artifacts/images"), ams.path("aside"));
    fs_err::rename(&images, &aside).unwrap();
    fs_err::write(&images, "not a folder").unwrap();
    let staged = ams.upload(&Package::new("game").tagged("b"));
    let started = ams.applications().update("game", staged).await.unwrap();
    let error = ams.expect_failure(started).await;
    fs_err::remove_file(&images).unwrap();
    fs_err::rename(&aside, &images).unwrap();
    let application = ams.get("game").await;
    assert_eq!(application.status, ApplicationStatus::Error);
    assert_eq!(application.versions[1].error_message, error);
    assert_eq!(application.versions[0].status, VersionStatus::Ready);
    let manifest = ams.applications().manifest("game", None).await;
    assert!(manifest.is_ok(), "the version before it is kept");
}

#[tokio::test]
async fn second_process_cannot_open_the_base_folder() {
    let ams = TestAms::new().await;
    let base = ams.path("");
    let second = ams::Ams::open(&base, ams::Settings::default(), ams.clock.clone().into()).await;
    let refusal = second.unwrap_err().to_string();
    assert!(refusal.contains("another AMS (process "), "{refusal}");
}

#[tokio::test]
async fn client_certificate_is_created_once_with_a_private_key() {
    use std::os::unix::fs::PermissionsExt;
    let ams = TestAms::new().await;
    let fingerprint = ams.registry_identity().certificate().fingerprint();
    let mode = |path| {
        fs_err::metadata(ams.path(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("registry"), mode("registry/client.key")),
        (0o700, 0o600)
    );
    let ams = ams.restart().await;
    assert_eq!(
        ams.registry_identity().certificate().fingerprint(),
        fingerprint
    );
}

#[tokio::test]
async fn attribute_missing_in_the_database_has_its_default() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game").tagged("a")).await;
    let ams = restart_after_sql(ams, "UPDATE versions SET manifest = '{}'").await;
    let ams = restart_after_sql(ams, "UPDATE applications SET metadata = '{}'").await;
    let application = ams.get("game").await;
    assert_eq!(application.status, ApplicationStatus::Ready);
    assert!(application.tags.is_empty());
    assert_eq!(application.versions[0].manifest_version, "");
}
