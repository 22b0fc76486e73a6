//! Finds items that can be freed, without deleting them.

use std::collections::HashSet;

use aar_types::Digest;
use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};

use super::GcItem;
use crate::{
    Error, Registry, descriptor,
    metadata::Reading,
    storage::{Area, Leftover, ObjectKey},
};

/// File systems take the time of a write from a clock that may differ a little.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

impl Registry {
    /// The start of the grace period: items unused since before this moment can be freed.
    pub(super) fn grace_began(&self) -> Timestamp {
        let grace = SignedDuration::try_from(self.options().gc_grace);
        let grace = grace.unwrap_or(SignedDuration::MAX);
        self.now().saturating_sub(grace).unwrap_or(Timestamp::MIN)
    }

    pub(super) async fn unreferenced_blobs(&self) -> Result<Vec<GcItem>, Error> {
        let mut tx = self.metadata().read().await?;
        let blobs = tx.deletable_blobs(self.grace_began()).await?;
        let items = blobs.into_iter().map(|blob| GcItem::UnreferencedBlob {
            digest: blob.digest,
            bytes: blob.size,
        });
        Ok(items.collect())
    }

    pub(super) async fn stale_uploads(&self) -> Result<Vec<GcItem>, Error> {
        let expired = self
            .metadata()
            .read()
            .await?
            .expired_uploads(self.now())
            .await?;
        let items = expired.into_iter().map(|row| GcItem::StaleUpload {
            id: row.id,
            bytes: row.durable,
        });
        Ok(items.collect())
    }

    pub(super) async fn orphaned_blobs(&self) -> Result<Vec<GcItem>, Error> {
        let grace_began = self.grace_began();
        let mut found = self.storage().list(Area::Blobs);
        let mut items = Vec::new();
        while let Some(object) = found.try_next().await? {
            let Some(ObjectKey::Blob(digest)) = object.key() else {
                continue;
            };
            if object.modified > grace_began {
                self.correct_modified(&object.path, object.modified).await?;
                continue;
            }
            let mut tx = self.metadata().read().await?;
            if is_orphaned(&mut tx, &digest, self.now()).await? {
                let bytes = object.size;
                items.push(GcItem::OrphanedBlob { digest, bytes });
            }
        }
        Ok(items)
    }

    pub(super) async fn orphaned_files(&self) -> Result<Vec<GcItem>, Error> {
        let grace_began = self.grace_began();
        let mut items = Vec::new();
        for leftover in self.storage().leftovers().await? {
            let old = leftover.modified <= grace_began;
            if !old {
                self.correct_modified(&leftover.path, leftover.modified)
                    .await?;
            }
            if old && !self.belongs_to_upload(&leftover).await? {
                let bytes = self.storage().leftover_size(&leftover).await?;
                let path = leftover.path;
                items.push(GcItem::OrphanedFile { path, bytes });
            }
        }
        Ok(items)
    }

    /// Gives a file that was written while the clock was ahead the current time, so that it ages.
    async fn correct_modified(&self, path: &str, modified: Timestamp) -> Result<(), Error> {
        let now = self.now();
        if modified.duration_since(now) > CLOCK_TOLERANCE {
            self.storage().set_modified(path, now).await?;
        }
        Ok(())
    }

    /// Removes blobs from a plan if their version has only a descriptor.
    pub(super) async fn spare_described_blobs(&self, items: &mut Vec<GcItem>) -> Result<(), Error> {
        if items.iter().all(|item| item.digest().is_none()) {
            return Ok(());
        }
        let described = self.images_of_stray_versions().await?;
        items.retain(|item| !item.digest().is_some_and(|it| described.contains(it)));
        Ok(())
    }

    /// The images of versions that have a descriptor and no row.
    async fn images_of_stray_versions(&self) -> Result<HashSet<Digest>, Error> {
        let mut found = self.storage().list(Area::Applications);
        let mut images = HashSet::new();
        while let Some(object) = found.try_next().await? {
            let Some(ObjectKey::Version(version)) = object.key() else {
                continue;
            };
            let known = self.metadata().read().await?.version(&version).await?;
            if known.is_none()
                && let Some(content) = self
                    .storage()
                    .get(&ObjectKey::Version(version.clone()))
                    .await?
                && let Some(row) = descriptor::version(&version, &content)
            {
                images.insert(row.version.image.digest);
            }
        }
        Ok(images)
    }

    pub(super) async fn belongs_to_upload(&self, leftover: &Leftover) -> Result<bool, Error> {
        let mut tx = self.metadata().read().await?;
        match (leftover.upload, &leftover.multipart) {
            (Some(id), _) => Ok(tx.upload(id).await?.is_some()),
            (None, Some(multipart)) => tx.multipart_is_known(multipart).await,
            (None, None) => Ok(false),
        }
    }
}

/// Whether the database does not know a blob and no upload announces it.
pub(super) async fn is_orphaned(
    tx: &mut Reading,
    digest: &Digest,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(tx.blob(digest).await?.is_none() && !tx.digest_is_awaited(digest, now).await?)
}
