use aar_testkit::Package;
use aar_types::VersionNumber;
use ams_api::{ApplicationStatus, VersionStatus};
use sqlx::{Connection, SqliteConnection};

use super::support::{Here, versions};

/// A connection to the database past AMS.
pub(super) async fn database(here: &Here) -> SqliteConnection {
    let path = here.path("server/ams.db");
    let url = format!("sqlite://{}", path.display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// Does to the database what a crash would have left undone.
async fn sql(here: Here, statement: &'static str) -> Here {
    let mut database = database(&here).await;
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
async fn an_image_whose_row_was_never_written_is_there_for_the_next_round_however_old_it_is() {
    let here = Here::new().await;
    let orphan = format!("data/artifacts/images/ab/{}.tar.zst", "ab".repeat(32));
    let here = here
        .again_after(|folder| {
            let path = folder.write(&orphan, "x");
            let file = fs_err::File::options().append(true).open(path).unwrap();
            file.into_file()
                .set_modified(std::time::UNIX_EPOCH)
                .unwrap();
        })
        .await;
    // By then AMS has looked round its folder, should it do so at the start.
    here.create(&Package::new("game")).await;
    assert!(here.path(&orphan).exists());
}

#[tokio::test]
async fn a_failed_version_says_so_as_soon_as_that_can_be_written() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    let mut database = database(&here).await;
    let full = "CREATE TRIGGER full BEFORE UPDATE ON versions BEGIN
        SELECT RAISE(ABORT, 'no room'); END";
    sqlx::query(full).execute(&mut database).await.unwrap();
    let staged = here.upload(&Package::new("game").tagged("b"));
    let begun = here
        .ams
        .applications()
        .update("game", staged)
        .await
        .unwrap();
    let error = here.failed(begun).await;
    assert!(error.contains("no room"), "{error}");
    assert_eq!(here.files().len(), 1, "what no row names is not left lying");
    let version = async || here.get("game").await.versions[1].clone();
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
