//! A copy of the storage in use, and the known state of its target.
//!
//! The target is listed once, at the beginning; after that, the copy remembers its own writes. So a pass
//! requests only the difference since the previous one. It reads the rows of the images and lists the
//! descriptors of the storage in use, which costs one request for a thousand.

use std::collections::HashMap;

use aar_types::Digest;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use super::MigrationReport;
use crate::{
    Error, Registry,
    metadata::{BlobRow, BlobState},
    storage::{Area, Object, ObjectKey, Storage},
};

/// The number of rows in one query.
const PAGE: u32 = 500;
/// The number of descriptors that are compared concurrently.
const AT_ONCE: usize = 16;
/// The areas of the storage that hold descriptors.
const DESCRIPTORS: [Area; 2] = [Area::Applications, Area::Trust];

pub(super) struct Copying {
    registry: Registry,
    pub(super) target: Storage,
    pub(super) report: MigrationReport,
    /// The images in the target, with their sizes.
    images: HashMap<Digest, u64>,
    /// The descriptors in the target, with the tag of the original that each one copies. The tag is unknown
    /// until a pass compares the descriptor.
    descriptors: HashMap<String, Option<String>>,
}

impl Copying {
    /// Lists the target, which may hold the copy of an interrupted attempt.
    pub(super) async fn begin(registry: &Registry, target: Storage) -> Result<Self, Error> {
        let images = target.list(Area::Blobs).try_filter_map(async |object| {
            let Some(ObjectKey::Blob(digest)) = object.key() else {
                return Ok(None);
            };
            Ok(Some((digest, object.size)))
        });
        let descriptors = described(&target).map_ok(|object| (object.path, None));
        Ok(Self {
            images: images.try_collect().await?,
            descriptors: descriptors.try_collect().await?,
            registry: registry.clone(),
            target,
            report: MigrationReport::default(),
        })
    }

    /// Copies the changes since the previous pass, and deletes descriptors that were deleted.
    pub(super) async fn pass(&mut self) -> Result<(), Error> {
        for blob in self.missing_images().await? {
            self.copy_image(&blob).await?;
        }
        let source = self.registry.storage();
        let originals = described(&source).map_ok(|object| (object.path, object.tag));
        let originals = originals.try_collect().await?;
        self.copy_descriptors(&source, &originals).await?;
        self.delete_descriptors(&originals).await
    }

    /// The images that the target lacks.
    pub(super) async fn missing_images(&self) -> Result<Vec<BlobRow>, Error> {
        let mut missing = Vec::new();
        let mut after: Option<Digest> = None;
        loop {
            let mut tx = self.registry.metadata().read().await?;
            let page = tx.blobs_after(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(missing);
            };
            after = Some(last.digest);
            missing.extend(page.into_iter().filter(|blob| self.lacks(blob)));
        }
    }

    fn lacks(&self, blob: &BlobRow) -> bool {
        blob.state == BlobState::Stored && self.images.get(&blob.digest) != Some(&blob.size)
    }

    /// Copies an image, unless garbage collection frees it meanwhile.
    async fn copy_image(&mut self, blob: &BlobRow) -> Result<(), Error> {
        match self.write_image(blob).await {
            Ok(()) => {
                self.images.insert(blob.digest, blob.size);
                self.report.images += 1;
                self.report.bytes += blob.size;
                Ok(())
            }
            Err(error) if self.is_stored(&blob.digest).await? => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Refuses an image whose bytes do not match its digest.
    async fn write_image(&self, blob: &BlobRow) -> Result<(), Error> {
        let digest = blob.digest;
        let Some(content) = self.registry.storage().read_blob(&digest).await? else {
            return Err(Error::ImageMissing { digest });
        };
        self.target.write_blob(&digest, blob.size, content).await
    }

    async fn is_stored(&self, digest: &Digest) -> Result<bool, Error> {
        let row = self.registry.metadata().read().await?.blob(digest).await?;
        Ok(row.is_some_and(|row| row.state == BlobState::Stored))
    }

    async fn copy_descriptors(
        &mut self,
        source: &Storage,
        originals: &HashMap<String, Option<String>>,
    ) -> Result<(), Error> {
        let Self {
            target,
            report,
            descriptors,
            ..
        } = self;
        let changed = originals.iter().filter(|(path, tag)| {
            // An original without a tag may have changed at any time.
            tag.is_none() || descriptors.get(*path) != Some(*tag)
        });
        let changed: Vec<_> = changed.map(|(path, _)| path.clone()).collect();
        let target: &Storage = target;
        let compared = stream::iter(changed).map(|path| async move {
            let written = copy_descriptor(source, target, &path).await?;
            Ok::<_, Error>((path, written))
        });
        let mut compared = compared.buffer_unordered(AT_ONCE);
        while let Some((path, written)) = compared.try_next().await? {
            report.descriptors += u64::from(written);
            let tag = originals.get(&path).cloned().flatten();
            descriptors.insert(path, tag);
        }
        Ok(())
    }

    async fn delete_descriptors(
        &mut self,
        originals: &HashMap<String, Option<String>>,
    ) -> Result<(), Error> {
        let gone = |path: &String, _: &mut Option<String>| !originals.contains_key(path);
        let gone: Vec<_> = self.descriptors.extract_if(gone).collect();
        for (path, _) in gone {
            if let Some(key) = ObjectKey::parse(&path)
                && self.target.delete(&key).await?
            {
                self.report.descriptors += 1;
            }
        }
        Ok(())
    }
}

/// Every descriptor in a storage.
fn described(storage: &Storage) -> impl Stream<Item = Result<Object, Error>> {
    let objects = stream::iter(DESCRIPTORS).flat_map(move |area| storage.list(area));
    objects.try_filter(|object| std::future::ready(object.key().is_some()))
}

/// Copies a descriptor unless the target has the same. Returns whether it was copied.
async fn copy_descriptor(source: &Storage, target: &Storage, path: &str) -> Result<bool, Error> {
    let Some(key) = ObjectKey::parse(path) else {
        return Ok(false);
    };
    match source.get(&key).await? {
        Some(content) if target.get(&key).await?.as_ref() != Some(&content) => {
            target.put(&key, content).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{
        super::{Switched, finish},
        *,
    };
    use crate::{DatabaseOptions, Options, StorageOptions};

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
            tx.store_blob(&row.digest, row.size, now).await.unwrap();
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
            digest: Digest::from_bytes([1; 32]),
            size: 7,
            state,
            unreferenced_since: None,
        }
    }

    #[tokio::test]
    async fn a_pass_asks_for_nothing_but_what_is_new() {
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
    async fn an_image_that_a_collection_frees_meanwhile_is_left_out_and_one_that_is_lost_is_not() {
        let mut fixture = Fixture::start().await;
        let row = image(BlobState::Stored);
        fixture.copying.copy_image(&row).await.unwrap();
        assert_eq!(fixture.copying.report.images, 0);

        fixture.store(&row).await;
        let lost = fixture.copying.pass().await.unwrap_err();
        assert!(matches!(lost, Error::ImageMissing { .. }), "{lost}");
    }

    #[tokio::test]
    async fn an_image_that_comes_at_the_last_moment_is_not_copied_while_nobody_else_can_write() {
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
                Box::pin(finish(change, copying, name, true))
            })
            .await;
        assert!(matches!(switched.unwrap(), Switched::NotYet(_)));
        assert!(!registry.storage_has_moved().await.unwrap());
    }
}
