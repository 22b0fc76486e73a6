//! The bytes of the images, and the versions that are without them.

use aar_types::Digest;

use super::Verification;
use crate::{
    Error,
    metadata::BlobState,
    storage::{Object, ObjectKey},
};

/// How many rows are read at once.
const PAGE: u32 = 500;

impl Verification<'_> {
    /// Every blob that the database knows, against the storage.
    pub(super) async fn check_blobs(&mut self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let mut tx = self.registry.metadata().read().await?;
            let page = tx.blobs_after(after.as_ref(), PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.digest);
            for blob in page {
                if blob.unreferenced_since.is_some() {
                    self.report.unreferenced.push(blob.digest);
                }
                if blob.state == BlobState::Stored {
                    self.check_blob(blob.digest, blob.size).await?;
                }
            }
        }
    }

    async fn check_blob(&mut self, digest: Digest, size: u64) -> Result<(), Error> {
        self.report.blobs += 1;
        let Some(found) = self.registry.storage().blob_object(&digest).await? else {
            if self.is_missing(&digest).await? {
                self.report.missing.push(digest);
            }
            return Ok(());
        };
        if found.size == size && (!self.options.deep || self.reads_well(digest).await?) {
            return Ok(());
        }
        self.report.corrupt.push(digest);
        if self.options.repair && self.remove(digest, found).await? {
            self.report.removed.push(digest);
        }
        Ok(())
    }

    /// Removes the bytes of a blob, unless they are no longer the ones that were found corrupt. A
    /// row that versions refer to stays, as that of a blob that is missing.
    async fn remove(&self, digest: Digest, corrupt: Object) -> Result<bool, Error> {
        let operator = self.operator;
        let remove = operator.registry.mutate(&operator.actor, move |change| {
            Box::pin(async move {
                let (storage, key) = (change.registry.brief_storage(), ObjectKey::Blob(digest));
                if storage.blob_object(&digest).await? != Some(corrupt) {
                    return Ok(false);
                }
                let detail = "removed, because it was corrupt".to_owned();
                change.record("repair", key.to_string(), detail).await?;
                if !change.tx.blob_is_referenced(&digest).await? {
                    change.tx.delete_blob(&digest).await?;
                }
                storage.delete(&key).await
            })
        });
        remove.await
    }

    /// Whether the bytes of a blob are what its digest says.
    async fn reads_well(&mut self, digest: Digest) -> Result<bool, Error> {
        let Some((read, found)) = self.registry.storage().hash_blob(&digest).await? else {
            // It was freed in between.
            return Ok(true);
        };
        self.report.bytes += read;
        Ok(found == digest)
    }

    /// Looks a second time, in case the blob was freed in between.
    async fn is_missing(&self, digest: &Digest) -> Result<bool, Error> {
        let mut tx = self.registry.write().await?;
        let blob = tx.blob(digest).await?;
        let expected = blob.is_some_and(|blob| blob.state == BlobState::Stored);
        Ok(expected
            && self
                .registry
                .brief_storage()
                .blob_size(digest)
                .await?
                .is_none())
    }

    /// Every version, whether its bytes are there.
    pub(super) async fn check_versions(&mut self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let mut tx = self.registry.metadata().read().await?;
            let page = tx.versions_after(after.as_ref(), PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key());
            for row in page {
                let image = row.version.image;
                let stored = self.registry.storage().blob_size(&image.digest).await?;
                if stored.is_some_and(|size| size != image.size) || self.is_broken(&image.digest) {
                    self.report.affected.push(row.key().to_string());
                }
            }
        }
    }

    fn is_broken(&self, digest: &Digest) -> bool {
        self.report.missing.contains(digest) || self.report.corrupt.contains(digest)
    }
}
