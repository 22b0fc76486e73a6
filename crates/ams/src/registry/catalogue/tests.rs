//! Imports with real images in a real store.

use std::sync::atomic::AtomicBool;

use aar_package::{Limits, Package};
use aar_sync::{HeldRemovals, HoldReason};
use aar_testkit::Folder;
use aar_types::{ManualClock, VersionManifest};
use ams_api::{Application, ApplicationFilter, ApplicationPatch, ApplicationStatus};
use jiff::Timestamp;

use super::*;
use crate::{Ams, Settings, applications::CreateOptions, store::NewApplication};

struct Client {
    ams: Ams,
    catalogue: AgentCatalogue,
    clock: ManualClock,
    folder: Folder,
}

impl Client {
    async fn new() -> Self {
        Self::at(
            Folder::new("ams-import"),
            ManualClock::new(Timestamp::UNIX_EPOCH),
        )
        .await
    }

    async fn at(folder: Folder, clock: ManualClock) -> Self {
        let settings = Settings {
            architecture: Some(Architecture::Amd64),
            ..Settings::default()
        };
        let ams = Ams::open(&folder.join("ams"), settings, clock.clone().into())
            .await
            .unwrap();
        let catalogue = ams.catalogue();
        Self {
            ams,
            catalogue,
            clock,
            folder,
        }
    }

    async fn restart(self) -> Self {
        let Self {
            ams,
            catalogue,
            clock,
            folder,
        } = self;
        ams.close().await;
        drop((ams, catalogue));
        Self::at(folder, clock).await
    }

    /// A version of the registry, with its image at the import path.
    fn download(&self, number: u32, content: &str) -> (Version, PathBuf) {
        let source = self.folder.join("source");
        aar_testkit::Package::new("game")
            .file("hooks/start", content)
            .write_folder(&source);
        let package = Package::open(&source, self.folder.path(), &Limits::default()).unwrap();
        let image = self.folder.join("image");
        let stop = AtomicBool::new(false);
        let info = package.write_image(&image, &|_| {}, &stop).unwrap();
        let to = self.catalogue.import_path(&info);
        fs_err::rename(image, &to).unwrap();
        let version = Version {
            number: VersionNumber(number),
            published: true,
            created_at: Timestamp::UNIX_EPOCH,
            manifest: VersionManifest::default(),
            image: info,
        };
        (version, to)
    }

    async fn import(&self, number: u32, content: &str) -> Result<PathBuf, LocalError> {
        let (version, file) = self.download(number, content);
        self.catalogue
            .import(&name(), &metadata("a"), &version, &file)
            .await?;
        Ok(file)
    }

    async fn game(&self) -> Option<Application> {
        self.ams.applications().get("game").await.unwrap()
    }

    /// Creates a local application of the same name.
    async fn create_game(&self) {
        let staged = self.ams.staging().new_file().unwrap();
        aar_testkit::Package::new("game").write_zip(staged.path());
        let begun = self
            .ams
            .applications()
            .create(staged, CreateOptions::default());
        let ended = self.ams.operations().wait(begun.id, None).await.unwrap();
        assert_eq!(ended.err, "");
    }
}

fn name() -> ApplicationName {
    "game".parse().unwrap()
}

fn metadata(tag: &str) -> ApplicationMetadata {
    ApplicationMetadata {
        tags: vec![tag.to_owned()],
        ..ApplicationMetadata::default()
    }
}

#[tokio::test]
async fn imported_version_is_usable_and_its_application_immutable() {
    let client = Client::new().await;
    let file = client.import(3, "x").await.unwrap();
    let game = client.game().await.unwrap();
    assert_eq!(
        (game.status, game.immutable),
        (ApplicationStatus::Ready, true)
    );
    assert_eq!(
        (game.versions[0].number, game.versions[0].published),
        (3, true)
    );
    let export = client
        .ams
        .applications()
        .export("game", VersionNumber(3))
        .await
        .unwrap();
    assert_eq!(export.path, file);
}

#[tokio::test]
async fn second_import_of_the_same_version_changes_nothing() {
    let client = Client::new().await;
    client.import(0, "x").await.unwrap();
    let before = client.game().await;
    let file = client.import(0, "x").await.unwrap();
    assert_eq!(client.game().await, before);
    assert!(file.exists());
}

#[tokio::test]
async fn imported_application_cannot_be_edited_by_users() {
    let client = Client::new().await;
    client.import(0, "x").await.unwrap();
    let before = client.game().await;
    let applications = client.ams.applications();
    let zero = VersionNumber(0);
    let patch = ApplicationPatch {
        tags: Some(vec!["mine".to_owned()]),
        ..ApplicationPatch::default()
    };
    let staged = client.ams.staging().new_file().unwrap();
    let ids = ["game".to_owned()];
    let refusals = [
        applications.patch("game", patch).await,
        applications.update("game", staged).await,
        applications.set_published("game", zero, false).await,
        applications.set_published("game", zero, true).await,
        applications.delete_version("game", zero, false).await,
        applications.delete("game", false).await,
        applications.delete_many(&ids, false).await,
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(Error::Immutable(_))), "{refusal:?}");
    }
    assert_eq!(client.game().await, before);
}

#[tokio::test]
async fn imported_application_is_deleted_with_force() {
    let client = Client::new().await;
    let file = client.import(0, "x").await.unwrap();
    let begun = client
        .ams
        .applications()
        .delete("game", true)
        .await
        .unwrap();
    client.ams.operations().wait(begun.id, None).await.unwrap();
    assert!(client.game().await.is_none());
    assert!(!file.exists());
}

#[tokio::test]
async fn local_application_is_never_changed_by_the_registry() {
    let client = Client::new().await;
    client.create_game().await;
    let before = client.game().await;
    let catalogue = &client.catalogue;
    let (game, zero) = (name(), VersionNumber(0));
    assert!(client.import(7, "x").await.is_err());
    assert!(
        catalogue
            .update_metadata(&game, &metadata("theirs"))
            .await
            .is_err()
    );
    assert!(catalogue.set_published(&game, zero, false).await.is_err());
    assert!(catalogue.remove_version(&game, zero).await.is_err());
    assert!(catalogue.remove_application(&game).await.is_err());
    assert_eq!(client.game().await, before);
}

#[tokio::test]
async fn image_with_other_content_is_not_imported() {
    let client = Client::new().await;
    let (mut version, file) = client.download(0, "x");
    version.image.fingerprint = aar_types::Fingerprint::from_bytes([9; 32]);
    let refusal = client
        .catalogue
        .import(&name(), &metadata("a"), &version, &file)
        .await;
    assert!(
        matches!(refusal, Err(LocalError::BadImage(_))),
        "{refusal:?}"
    );
    let (version, file) = client.download(0, "x");
    fs_err::write(&file, "something else").unwrap();
    let refusal = client
        .catalogue
        .import(&name(), &metadata("a"), &version, &file)
        .await;
    assert!(
        matches!(refusal, Err(LocalError::BadImage(_))),
        "{refusal:?}"
    );
    assert!(client.game().await.is_none());
}

#[tokio::test]
async fn metadata_of_an_imported_application_is_updated() {
    let client = Client::new().await;
    client.import(0, "x").await.unwrap();
    let mut changed = metadata("new");
    changed.resources.vpu_slots = Some(2);
    client
        .catalogue
        .update_metadata(&name(), &changed)
        .await
        .unwrap();
    let game = client.game().await.unwrap();
    assert_eq!(
        (game.tags, game.resources.vpu_slots),
        (vec!["new".to_owned()], Some(2))
    );
}

#[tokio::test]
async fn withdrawn_version_keeps_its_image() {
    let client = Client::new().await;
    let file = client.import(0, "x").await.unwrap();
    for published in [false, true] {
        let zero = VersionNumber(0);
        client
            .catalogue
            .set_published(&name(), zero, published)
            .await
            .unwrap();
        assert_eq!(client.game().await.unwrap().published, published);
        assert!(file.exists());
    }
}

#[tokio::test]
async fn removals_are_idempotent() {
    let client = Client::new().await;
    let (old, new) = (
        client.import(0, "x").await.unwrap(),
        client.import(1, "y").await.unwrap(),
    );
    for _ in 0..2 {
        client
            .catalogue
            .remove_version(&name(), VersionNumber(0))
            .await
            .unwrap();
        assert!(!old.exists() && new.exists());
    }
    for _ in 0..2 {
        client.catalogue.remove_application(&name()).await.unwrap();
        assert!(!new.exists());
    }
    let all = client
        .ams
        .applications()
        .list(&ApplicationFilter::default())
        .await
        .unwrap();
    assert!(all.is_empty());
}

#[tokio::test]
async fn import_replaces_another_image_of_the_same_number() {
    let client = Client::new().await;
    let old = client.import(0, "x").await.unwrap();
    let new = client.import(0, "y").await.unwrap();
    assert!(!old.exists() && new.exists());
    let export = client
        .ams
        .applications()
        .export("game", VersionNumber(0))
        .await
        .unwrap();
    assert_eq!(export.path, new);
}

#[tokio::test]
async fn import_completes_after_a_crash_before_its_row() {
    let client = Client::new().await;
    let (version, file) = client.download(0, "x");
    let client = client.restart().await;
    assert!(client.game().await.is_none());
    assert!(file.exists(), "the download is kept");
    client
        .catalogue
        .import(&name(), &metadata("a"), &version, &file)
        .await
        .unwrap();
    let client = client.restart().await;
    assert!(client.game().await.is_some());
}

#[tokio::test]
async fn version_with_a_missing_image_is_not_ready_until_it_is_imported_again() {
    let client = Client::new().await;
    let file = client.import(0, "x").await.unwrap();
    fs_err::remove_file(file).unwrap();
    let ready = async || client.catalogue.applications().await.unwrap()[0].versions[0].ready;
    assert!(!ready().await);
    client.import(0, "x").await.unwrap();
    assert!(ready().await);
}

#[tokio::test]
async fn registry_and_upload_sessions_survive_a_restart() {
    let client = Client::new().await;
    let known = KnownRegistry {
        id: "some-registry".parse().unwrap(),
        revision: aar_types::Revision(12),
        held: Some(HeldRemovals {
            reason: HoldReason::TooMany {
                removals: 3,
                imported: 4,
            },
            applications: vec![name()],
        }),
    };
    let digest = Digest::from_bytes([1; 32]);
    assert_eq!(client.catalogue.known_registry().await.unwrap(), None);
    client.catalogue.remember_registry(&known).await.unwrap();
    client
        .catalogue
        .remember_upload(&digest, Some("u1"))
        .await
        .unwrap();
    let client = client.restart().await;
    assert_eq!(
        client.catalogue.known_registry().await.unwrap(),
        Some(known)
    );
    let session = client.catalogue.upload_session(&digest).await.unwrap();
    assert_eq!(session.as_deref(), Some("u1"));
    client
        .catalogue
        .remember_upload(&digest, None)
        .await
        .unwrap();
    assert_eq!(
        client.catalogue.upload_session(&digest).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn version_in_progress_marks_its_application_as_building() {
    let client = Client::new().await;
    let new = NewApplication {
        id: ApplicationId::new(),
        name: name(),
        metadata: metadata("a"),
        created_at: 0,
    };
    let begun = VersionManifest::default();
    let store = &client.catalogue.0.store;
    store.add_application(&new, &begun).await.unwrap();
    let local = client.catalogue.applications().await.unwrap().remove(0);
    assert!(local.building && local.versions.is_empty());
}

#[tokio::test]
async fn image_path_leads_to_the_image_of_the_version() {
    let client = Client::new().await;
    client.create_game().await;
    let local = client.catalogue.applications().await.unwrap().remove(0);
    assert_eq!(
        (local.origin, local.building),
        (aar_sync::Origin::Local, false)
    );
    let version = &local.versions[0];
    assert!(version.ready && version.published);
    let path = client
        .catalogue
        .image_path(&name(), version.number)
        .await
        .unwrap();
    aar_package::verify_image(&path, &version.image).unwrap();
}

#[tokio::test]
async fn partial_files_of_unwanted_images_are_deleted() {
    let client = Client::new().await;
    let file = client.import(0, "x").await.unwrap();
    let (wanted, other) = (client.download(1, "y"), client.download(2, "z"));
    let partial = |path: &Path| PathBuf::from(format!("{}.partial", path.display()));
    let (wanted, other, wanted_image) = (partial(&wanted.1), partial(&other.1), wanted.0.image);
    fs_err::write(&wanted, "y").unwrap();
    fs_err::write(&other, "z").unwrap();
    client
        .catalogue
        .retain_partial_files(&[wanted_image])
        .await
        .unwrap();
    assert!(wanted.exists() && !other.exists() && file.exists());
}
