//! A copy of the storage in use, and the known state of its target.
//!
//! The target is listed once, at the beginning; after that, the copy remembers its own writes. So a pass
//! requests only the difference since the previous one. It reads the rows of the images and lists the
//! descriptors of the storage in use, which costs one request for a thousand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aar_types::{Change, Digest, Revision};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::MigrationReport;
use crate::{
    Error, Registry, descriptor,
    keys::{VariantKey, VersionKey},
    metadata::{BlobRow, BlobState, Reading, Writing},
    storage::{Area, ObjectKey, Storage},
};

/// The number of rows in one query.
const PAGE: u32 = 500;
/// The number of descriptors that are compared concurrently.
const AT_ONCE: usize = 16;

pub(super) struct Copying {
    registry: Registry,
    pub(super) target: Storage,
    pub(super) report: MigrationReport,
    /// The images in the target, with their sizes.
    images: HashMap<Digest, u64>,
    /// The descriptors in the target, with the tag of the original that each one copies. The tag is unknown
    /// until a pass compares the descriptor.
    descriptors: BTreeMap<String, Option<String>>,
    /// The state of the database before the last pass. Later changes may be missing in the copy.
    start: PassStart,
}

#[derive(Default)]
struct PassStart {
    revision: Revision,
    trust_revision: u64,
    /// The keys of the outbox.
    undelivered: Vec<String>,
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
        let descriptors = descriptor::list(&target).map_ok(|object| (object.path, None));
        Ok(Self {
            images: images.try_collect().await?,
            descriptors: descriptors.try_collect().await?,
            registry: registry.clone(),
            target,
            report: MigrationReport::default(),
            start: PassStart::default(),
        })
    }

    /// Copies the changes since the previous pass, and deletes descriptors that were deleted.
    pub(super) async fn pass(&mut self) -> Result<(), Error> {
        let mut tx = self.registry.metadata().read().await?;
        self.start = PassStart::read(&mut tx).await?;
        let missing = self.missing_images(&mut tx).await?;
        drop(tx);
        for blob in missing {
            self.copy_image(&blob).await?;
        }
        let source = self.registry.storage();
        let originals = descriptor::list(&source).map_ok(|object| (object.path, object.tag));
        let originals = originals.try_collect().await?;
        self.copy_descriptors(&source, &originals).await?;
        self.delete_descriptors(&originals).await
    }

    /// Puts into the outbox each descriptor that may have changed since the last pass began. Returns `false` if
    /// another pass is needed, because an image is missing, or because the feed does not reach back that far.
    pub(super) async fn queue_changes(&self, tx: &mut Writing) -> Result<bool, Error> {
        let registry = tx.registry().await?.ok_or(Error::EmptyDatabase)?;
        if registry.compacted > self.start.revision || !self.missing_images(tx).await?.is_empty() {
            return Ok(false);
        }
        let mut keys: BTreeSet<String> = self.start.undelivered.iter().cloned().collect();
        for change in tx.changes_after(self.start.revision, u32::MAX).await? {
            self.add_keys(&mut keys, change);
        }
        if registry.trust_revision != self.start.trust_revision {
            keys.extend(self.copied(ObjectKey::CERTIFICATES));
            let rows = tx.certificates().await?;
            let fingerprints = rows.iter().map(|row| row.certificate.fingerprint);
            keys.extend(fingerprints.map(|it| ObjectKey::Certificate(it).to_string()));
        }
        for key in keys.iter().filter_map(|key| ObjectKey::parse(key)) {
            let content = descriptor::required(tx, &key).await?;
            tx.put_outbox_entry(&key.to_string(), content.as_deref())
                .await?;
        }
        Ok(true)
    }

    fn add_keys(&self, keys: &mut BTreeSet<String>, change: Change) {
        let variant = VariantKey {
            name: change.application,
            architecture: change.architecture,
        };
        if let Some(number) = change.version {
            let variant = variant.clone();
            keys.insert(ObjectKey::Version(VersionKey { variant, number }).to_string());
        } else {
            // All versions may have been deleted.
            keys.extend(self.copied(&ObjectKey::descriptors_of(&variant.name)));
        }
        keys.insert(ObjectKey::Variant(variant).to_string());
    }

    /// The keys of the copied descriptors that begin with `prefix`.
    fn copied(&self, prefix: &str) -> impl Iterator<Item = String> {
        let keys = self.descriptors.range(prefix.to_owned()..);
        keys.map(|(key, _)| key)
            .take_while(move |key| key.starts_with(prefix))
            .cloned()
    }

    /// The images that the target lacks.
    async fn missing_images(&self, tx: &mut Reading) -> Result<Vec<BlobRow>, Error> {
        let mut missing = Vec::new();
        let mut after: Option<Digest> = None;
        loop {
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
    pub(super) async fn copy_image(&mut self, blob: &BlobRow) -> Result<(), Error> {
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
        let is_deleted = |path: &String, _: &mut Option<String>| !originals.contains_key(path);
        let deleted: Vec<_> = self.descriptors.extract_if(.., is_deleted).collect();
        for (path, _) in deleted {
            if let Some(key) = ObjectKey::parse(&path)
                && self.target.delete(&key).await?
            {
                self.report.descriptors += 1;
            }
        }
        Ok(())
    }
}

impl PassStart {
    async fn read(tx: &mut Reading) -> Result<Self, Error> {
        let registry = tx.registry().await?.ok_or(Error::EmptyDatabase)?;
        Ok(Self {
            revision: registry.revision,
            trust_revision: registry.trust_revision,
            undelivered: tx.outbox_keys("").await?,
        })
    }
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
