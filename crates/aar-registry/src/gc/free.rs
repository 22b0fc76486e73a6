//! Frees one item, after a second check.

use aar_types::Digest;

use super::{GcItem, find::is_orphaned};
use crate::{
    Error, Registry, UploadId,
    actor::Actor,
    lease::{DELETING, LeaseHolder},
    metadata::{BlobState, Writing},
    storage::ObjectKey,
};

/// The outcome for an item.
pub(super) enum Verdict {
    Freed,
    Spared(&'static str),
}

const MISSING: Verdict = Verdict::Spared("it no longer exists");
const NEEDED: Verdict = Verdict::Spared("it is needed again");
const LOCKED: Verdict = Verdict::Spared("another task is working on it");

impl Registry {
    /// Frees expired uploads and returns the first error. After a failure it continues with the next upload,
    /// unless storage cannot be reached: each attempt would wait for it.
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
            tracing::warn!(%error, id = %row.id, "an expired upload cannot be freed");
            let is_unreachable = error.is_retryable();
            reaped = reaped.and(Err(error));
            if is_unreachable {
                tracing::warn!(left, "storage cannot be reached; expired uploads are kept");
                break;
            }
        }
        reaped
    }

    /// Deletes the rows of complete uploads. Such a row only tells a publisher for a while that its upload is
    /// complete. It takes too little space for an item in a plan.
    pub(super) async fn forget_complete_uploads(&self) -> Result<(), Error> {
        let mut tx = self.write_from_reserve().await?;
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
        let (holder, key) = (LeaseHolder::default(), ObjectKey::Blob(digest));
        let mut tx = self.write_from_reserve().await?;
        if let Some(spared) = self.begin_to_free(&mut tx, &holder, &digest).await? {
            return Ok(spared);
        }
        tx.commit().await?;
        self.delete_under_lease(&holder, &key).await?;
        let deletion = self.mutate_from_reserve(actor, move |change| {
            Box::pin(async move {
                let blob = change.tx.blob(&digest).await?;
                if blob.is_none_or(|blob| blob.state != BlobState::Deleting) {
                    return Ok(NEEDED);
                }
                change.tx.delete_blob(&digest).await?;
                change
                    .record("free-blob", digest.to_string(), String::new())
                    .await?;
                Ok(Verdict::Freed)
            })
        });
        let verdict = deletion.await?;
        self.end_lease(&key, &holder).await?;
        Ok(verdict)
    }

    /// Marks a blob as being deleted, unless there is a reason to spare it.
    async fn begin_to_free(
        &self,
        tx: &mut Writing,
        holder: &LeaseHolder,
        digest: &Digest,
    ) -> Result<Option<Verdict>, Error> {
        let Some(blob) = tx.blob(digest).await? else {
            return Ok(Some(MISSING));
        };
        let grace_is_over = blob
            .unreferenced_since
            .is_some_and(|at| at <= self.grace_began());
        let is_unused = blob.state == BlobState::Deleting || grace_is_over;
        if !is_unused || tx.blob_is_referenced(digest).await? {
            return Ok(Some(NEEDED));
        }
        let key = ObjectKey::Blob(*digest);
        if !self.acquire_lease(tx, &key, holder, DELETING).await? {
            return Ok(Some(LOCKED));
        }
        tx.set_blob_state(digest, BlobState::Deleting).await?;
        Ok(None)
    }

    async fn free_orphaned_blob(&self, digest: Digest) -> Result<Verdict, Error> {
        let (holder, key) = (LeaseHolder::default(), ObjectKey::Blob(digest));
        let mut tx = self.write_from_reserve().await?;
        if !is_orphaned(&mut tx, &digest, self.now()).await? {
            return Ok(NEEDED);
        }
        if !self.acquire_lease(&mut tx, &key, &holder, DELETING).await? {
            return Ok(LOCKED);
        }
        tx.commit().await?;
        let freed = self.delete_under_lease(&holder, &key).await?;
        let mut tx = self.write_from_reserve().await?;
        tx.release_lease(&key.to_string(), holder.id()).await?;
        tx.commit().await?;
        Ok(if freed { Verdict::Freed } else { MISSING })
    }

    async fn free_upload(&self, id: UploadId) -> Result<Verdict, Error> {
        let Some(row) = self.metadata().read().await?.upload(id).await? else {
            return Ok(MISSING);
        };
        if row.expires_at > self.now() {
            return Ok(NEEDED);
        }
        self.forget_upload(&row).await?;
        Ok(Verdict::Freed)
    }

    /// A write in progress is younger than the grace period.
    async fn free_file(&self, path: &str) -> Result<Verdict, Error> {
        let storage = self.storage();
        let Some(leftover) = storage.leftover(path).await? else {
            return Ok(MISSING);
        };
        if self.belongs_to_upload(&leftover).await? || leftover.modified > self.grace_began() {
            return Ok(NEEDED);
        }
        let freed = storage.delete_leftover(path).await?;
        Ok(if freed { Verdict::Freed } else { MISSING })
    }
}
