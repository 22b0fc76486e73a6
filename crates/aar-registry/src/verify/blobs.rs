//! Verifies blobs, and finds versions without one.

use aar_types::Digest;

use super::Verification;
use crate::{
    Error, Operator,
    lease::{DELETING, LeaseHolder},
    metadata::{BlobRow, BlobState},
    mutation::Mutation,
    storage::{Object, ObjectKey},
};

/// The number of rows in one query.
const PAGE: u32 = 500;

impl Verification<'_> {
    /// Checks that storage has every blob that the database knows.
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
                if should_be_stored(&blob) {
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
        if found.size == size && (!self.options.deep || self.has_its_digest(digest).await?) {
            return Ok(());
        }
        self.report.corrupt.push(digest);
        if self.options.repair && self.operator.remove_corrupt(digest, found).await? {
            self.report.removed.push(digest);
        }
        Ok(())
    }

    async fn has_its_digest(&mut self, digest: Digest) -> Result<bool, Error> {
        let Some((read, found)) = self.registry.storage().hash_blob(&digest).await? else {
            // It was freed in between.
            return Ok(true);
        };
        self.report.bytes += read;
        Ok(found == digest)
    }

    /// Checks a second time, because the blob may have been freed in between: its row changes first.
    async fn is_missing(&self, digest: &Digest) -> Result<bool, Error> {
        let before = self.registry.metadata().read().await?.blob(digest).await?;
        let storage = self.registry.storage();
        let found = storage.in_time(storage.blob_size(digest)).await?;
        let after = self.registry.metadata().read().await?.blob(digest).await?;
        Ok(found.is_none() && before == after && after.is_some_and(|blob| should_be_stored(&blob)))
    }

    /// Checks that the blob of every version exists.
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

/// A blob with versions is being deleted only while a corrupt one is removed.
fn should_be_stored(blob: &BlobRow) -> bool {
    blob.state == BlobState::Stored || blob.unreferenced_since.is_none()
}

impl Operator {
    /// Removes a blob, unless it was replaced since it was found corrupt.
    async fn remove_corrupt(&self, digest: Digest, corrupt: Object) -> Result<bool, Error> {
        let (registry, key) = (&self.registry, ObjectKey::Blob(digest));
        let holder = LeaseHolder::default();
        let mut tx = registry.write().await?;
        let is_free = registry
            .acquire_lease(&mut tx, &key, &holder, DELETING)
            .await?;
        if !is_free || tx.blob(&digest).await?.is_none() {
            return Ok(false);
        }
        tx.set_blob_state(&digest, BlobState::Deleting).await?;
        tx.commit().await?;
        let storage = registry.storage();
        let removed = match storage.in_time(storage.blob_object(&digest)).await {
            Ok(Some(found)) if found == corrupt => registry.delete_under_lease(&holder, &key).await,
            found => found.map(|_| false),
        };
        if let Ok(true) = removed {
            let removal = registry.mutate(&self.actor, move |change| {
                Box::pin(finish_removal(change, digest, holder))
            });
            removal.await?;
        } else {
            let mut tx = registry.write().await?;
            tx.set_blob_state(&digest, BlobState::Stored).await?;
            if removed.is_ok() {
                tx.release_lease(&key.to_string(), holder.id()).await?;
            }
            tx.commit().await?;
        }
        removed
    }
}

/// A row that versions refer to stays, as for a missing blob.
async fn finish_removal(
    change: &mut Mutation,
    digest: Digest,
    holder: LeaseHolder,
) -> Result<(), Error> {
    let key = ObjectKey::Blob(digest).to_string();
    if change.tx.blob_is_referenced(&digest).await? {
        change.tx.set_blob_state(&digest, BlobState::Stored).await?;
    } else {
        change.tx.delete_blob(&digest).await?;
    }
    change.tx.release_lease(&key, holder.id()).await?;
    let detail = "removed, because it was corrupt".to_owned();
    change.record("repair", key, detail).await
}
