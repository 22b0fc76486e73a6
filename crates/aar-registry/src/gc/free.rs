//! Freeing one thing, after a second look at it.

use aar_types::Digest;

use super::{GcItem, find::is_orphaned};
use crate::{Error, Registry, UploadId, audit::Actor, metadata::BlobState, storage::ObjectKey};

/// What became of an item.
pub(super) enum Verdict {
    Freed,
    Spared(&'static str),
}

const GONE: Verdict = Verdict::Spared("it has gone already");
const NEEDED: Verdict = Verdict::Spared("it is needed again");

impl Registry {
    /// Frees the uploads whose time is over, and gives the first error. One that cannot be freed does
    /// not keep the others, unless it is that the bucket is away: each would wait for it.
    pub(crate) async fn reap_uploads(&self) -> Result<(), Error> {
        let stale = self
            .metadata()
            .read()
            .await?
            .expired_uploads(self.now())
            .await?;
        let (mut left, mut reaped) = (stale.len(), Ok(()));
        for row in stale {
            let Err(error) = self.free_upload(row.id).await else {
                left -= 1;
                continue;
            };
            tracing::warn!(%error, id = %row.id, "an upload that is over cannot be freed");
            let away = error.passes();
            reaped = reaped.and(Err(error));
            if away {
                tracing::warn!(
                    left,
                    "the storage is away; uploads that are over stay for now"
                );
                break;
            }
        }
        reaped
    }

    /// Rows of uploads that are complete serve those who ask after them, and only for a while. They
    /// take no space worth a line in a plan.
    pub(super) async fn forget_complete_uploads(&self) -> Result<(), Error> {
        let mut tx = self.write().await?;
        tx.forget_complete_uploads(self.now()).await?;
        tx.commit().await
    }

    pub(super) async fn free(&self, actor: &Actor, item: &GcItem) -> Result<Verdict, Error> {
        match item {
            GcItem::UnreferencedBlob { digest, .. } => self.free_blob(actor, *digest).await,
            GcItem::OrphanedBlob { digest, .. } => self.free_orphaned_blob(*digest).await,
            GcItem::StaleUpload { id, .. } => self.free_upload(*id).await,
            GcItem::OrphanedFile { path, .. } => self.free_file(path).await,
        }
    }

    async fn free_blob(&self, actor: &Actor, digest: Digest) -> Result<Verdict, Error> {
        if let Some(verdict) = self.begin_to_free(digest).await? {
            return Ok(verdict);
        }
        self.mutate(actor, move |change| {
            Box::pin(async move {
                let blob = change.tx.blob(&digest).await?;
                match blob.map(|blob| blob.state) {
                    None => return Ok(GONE),
                    Some(BlobState::Stored) => return Ok(NEEDED),
                    Some(BlobState::Deleting) => {}
                }
                change
                    .registry
                    .brief_storage()
                    .delete(&ObjectKey::Blob(digest))
                    .await?;
                change.tx.delete_blob(&digest).await?;
                change
                    .record("free-blob", digest.to_string(), String::new())
                    .await?;
                Ok(Verdict::Freed)
            })
        })
        .await
    }

    /// Marks a blob as being deleted, unless there is a reason not to.
    async fn begin_to_free(&self, digest: Digest) -> Result<Option<Verdict>, Error> {
        let mut tx = self.write().await?;
        let Some(blob) = tx.blob(&digest).await? else {
            return Ok(Some(GONE));
        };
        let long_enough = blob
            .unreferenced_since
            .is_some_and(|at| at <= self.grace_began());
        if tx.blob_is_referenced(&digest).await? {
            return Ok(Some(NEEDED));
        }
        if blob.state == BlobState::Stored && !long_enough {
            return Ok(Some(NEEDED));
        }
        tx.mark_blob_deleting(&digest).await?;
        tx.commit().await?;
        Ok(None)
    }

    /// The write transaction keeps away an upload that is about to take the blob up.
    async fn free_orphaned_blob(&self, digest: Digest) -> Result<Verdict, Error> {
        let mut tx = self.write().await?;
        if !is_orphaned(&mut tx, &digest, self.now()).await? {
            return Ok(NEEDED);
        }
        let freed = self
            .brief_storage()
            .delete(&ObjectKey::Blob(digest))
            .await?;
        tx.rollback().await?;
        Ok(if freed { Verdict::Freed } else { GONE })
    }

    async fn free_upload(&self, id: UploadId) -> Result<Verdict, Error> {
        let mut tx = self.write().await?;
        let Some(row) = tx.upload(id).await? else {
            return Ok(GONE);
        };
        if row.expires_at > self.now() {
            return Ok(NEEDED);
        }
        tx.rollback().await?;
        self.forget_upload(&row).await?;
        Ok(Verdict::Freed)
    }

    /// What no upload has when the grace period is over none will have.
    async fn free_file(&self, path: &str) -> Result<Verdict, Error> {
        let storage = self.storage();
        let Some(leftover) = storage.leftover(path).await? else {
            return Ok(GONE);
        };
        if self.belongs_to_upload(&leftover).await? || leftover.modified > self.grace_began() {
            return Ok(NEEDED);
        }
        let freed = storage.delete_leftover(path).await?;
        Ok(if freed { Verdict::Freed } else { GONE })
    }
}
