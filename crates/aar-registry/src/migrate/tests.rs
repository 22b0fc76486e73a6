use std::{convert::Infallible, path::PathBuf};

use aar_types::{
    ApplicationMetadata, Architecture, Digest, Fingerprint, Role, VersionManifest, VersionNumber,
    VersionPut,
};

use super::*;
use crate::{
    DatabaseOptions, NewTrust, Options, UploadNew, VerifyOptions,
    metadata::{BlobRow, BlobState},
};

struct Fixture {
    folder: tempfile::TempDir,
    registry: Registry,
    copying: Copying,
}

impl Fixture {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = |name: &str| StorageOptions::Fs {
            root_directory: folder.path().join(name),
        };
        let path = folder.path().join("registry.db");
        let options = Options::new(DatabaseOptions::Sqlite { path }, storage("data"));
        let registry = Registry::open(options).await.unwrap();
        let target = Storage::open(&storage("copy")).await.unwrap();
        let copying = Copying::begin(&registry, target).await.unwrap();
        Self {
            folder,
            registry,
            copying,
        }
    }

    async fn describe(&self, key: &ObjectKey, content: &'static str) {
        self.registry
            .storage()
            .put(key, content.into())
            .await
            .unwrap();
    }

    /// Inserts the row of an image without storing the image.
    async fn store(&self, row: &BlobRow) {
        let mut tx = self.registry.write().await.unwrap();
        let now = self.registry.now();
        tx.store_blob(&row.digest, row.size, None, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn copied(&self, key: &ObjectKey) -> Option<bytes::Bytes> {
        self.copying.target.get(key).await.unwrap()
    }

    fn file_of_copy(&self, key: &ObjectKey) -> PathBuf {
        self.folder.path().join("copy").join(key.to_string())
    }
}

fn key(number: u8) -> ObjectKey {
    ObjectKey::Certificate(aar_types::Fingerprint::from_bytes([number; 32]))
}

fn image(state: BlobState) -> BlobRow {
    BlobRow {
        fingerprint: None,
        digest: Digest::from_bytes([1; 32]),
        size: 7,
        state,
        unreferenced_since: None,
    }
}

#[tokio::test]
async fn pass_requests_only_changed_descriptors() {
    let mut fixture = Fixture::start().await;
    fixture.describe(&key(1), "one").await;
    fixture.describe(&key(2), "two").await;
    fixture.copying.pass().await.unwrap();
    assert_eq!(fixture.copying.report.descriptors, 2);
    // Reading this descriptor in the target fails.
    let file = fixture.file_of_copy(&key(1));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir_all(file.join("in the way")).unwrap();
    fixture.describe(&key(2), "changed").await;
    fixture.describe(&key(3), "three").await;
    fixture.copying.pass().await.unwrap();
    assert_eq!(fixture.copying.report.descriptors, 4);
    assert_eq!(fixture.copied(&key(2)).await.unwrap(), "changed");

    fixture.describe(&key(1), "changed").await;
    fixture.copying.pass().await.unwrap_err();
}

#[tokio::test]
async fn descriptor_deleted_between_passes_is_deleted_in_the_copy() {
    let mut fixture = Fixture::start().await;
    fixture.describe(&key(1), "one").await;
    fixture.copying.pass().await.unwrap();
    fixture.registry.storage().delete(&key(1)).await.unwrap();
    fixture.copying.pass().await.unwrap();
    assert_eq!(fixture.copied(&key(1)).await, None);
    fixture.describe(&key(1), "one").await;
    fixture.copying.pass().await.unwrap();
    assert_eq!(fixture.copied(&key(1)).await.unwrap(), "one");
}

#[tokio::test]
async fn image_freed_by_garbage_collection_is_left_out_and_a_lost_one_is_an_error() {
    let mut fixture = Fixture::start().await;
    let row = image(BlobState::Stored);
    fixture.copying.copy_image(&row).await.unwrap();
    assert_eq!(fixture.copying.report.images, 0);

    fixture.store(&row).await;
    let lost = fixture.copying.pass().await.unwrap_err();
    assert!(matches!(lost, Error::ImageMissing { .. }), "{lost}");
}

#[tokio::test]
async fn image_stored_after_the_last_pass_needs_another_pass() {
    let mut fixture = Fixture::start().await;
    fixture.copying.pass().await.unwrap();
    fixture.store(&image(BlobState::Stored)).await;
    let Fixture {
        folder: _folder,
        registry,
        copying,
    } = fixture;
    let name = "another".to_owned();
    let switched = registry
        .mutate(&registry.operator("test").actor, move |change| {
            Box::pin(finish(change, copying, name))
        })
        .await;
    assert!(matches!(switched.unwrap(), Switched::NotYet(_)));
    assert!(!registry.storage_has_moved().await.unwrap());
}

async fn publish(operator: &Operator, name: &str) {
    let packed = aar_testkit::packed(name.as_bytes());
    let new = UploadNew {
        length: packed.info.size,
        digest: packed.info.digest,
    };
    let upload = operator.create_upload(new, "").await.unwrap();
    let body = futures_util::stream::iter([Ok::<_, Infallible>(packed.bytes.into())]);
    operator.append(upload.id, 0, body).await.unwrap();
    let put = VersionPut {
        application: ApplicationMetadata::default(),
        manifest: VersionManifest::default(),
        image: packed.info,
        published: true,
    };
    let (name, number) = (name.parse().unwrap(), VersionNumber(0));
    let published = operator.publish(&name, Architecture::Amd64, number, put);
    published.await.unwrap();
}

async fn trust(operator: &Operator, number: u8) {
    let new = NewTrust {
        fingerprint: Fingerprint::from_bytes([number; 32]),
        der: vec![0x30, number],
        role: Role::Client,
        subject: format!("CN=ams-{number}"),
        not_before: "2000-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2100-01-01T00:00:00Z".parse().unwrap(),
    };
    operator.trust_add(new).await.unwrap();
}

#[tokio::test]
async fn descriptors_changed_after_the_last_pass_are_delivered_after_the_switch() {
    let mut fixture = Fixture::start().await;
    let operator = fixture.registry.operator("test");
    for name in ["kept", "withdrawn", "removed"] {
        publish(&operator, name).await;
    }
    trust(&operator, 1).await;
    let untouched = ["kept", "withdrawn", "removed"].len() * 2 + 1;
    fixture.copying.pass().await.unwrap();
    assert_eq!(fixture.copying.report.descriptors, untouched as u64);

    let [withdrawn, removed] = ["withdrawn", "removed"].map(|name| name.parse().unwrap());
    let number = VersionNumber(0);
    operator
        .set_published(&withdrawn, Architecture::Amd64, number, false)
        .await
        .unwrap();
    operator.remove_application(&removed, None).await.unwrap();
    trust(&operator, 2).await;
    let Fixture {
        folder,
        registry,
        copying,
    } = fixture;
    let target = StorageOptions::Fs {
        root_directory: folder.path().join("copy"),
    };
    mark_as(&registry, &copying.target, "another", false)
        .await
        .unwrap();
    let switched = registry
        .mutate(&operator.actor, move |change| {
            Box::pin(finish(change, copying, "another".to_owned()))
        })
        .await;
    assert!(matches!(switched.unwrap(), Switched::Done(..)));
    registry.follow_storage(&target).await.unwrap();
    assert!(
        !operator
            .verify(VerifyOptions::default())
            .await
            .unwrap()
            .is_sound()
    );
    operator.deliver_outbox().await.unwrap();
    let report = operator.verify(VerifyOptions::default()).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    let removed = folder.path().join("copy/applications/removed");
    assert!(!removed.join("amd64/0.json").exists());
}
