//! Garbage collection: finding what nobody needs any more, and freeing it.
//!
//! It runs while the registry works, and in several processes at once. A plan is only a list. When
//! it is applied each item is looked at again under the write transaction, and spared when
//! somebody needs it by then. A blob is first marked as being deleted, and that is committed, so
//! that a failure in the middle never leaves a row that promises a file; then the file and the row
//! go, while nobody else can write. An upload of the same image in between takes the blob back.

use aar_types::Digest;
use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    Error, Operator, Registry, UploadId,
    audit::Actor,
    blobs::{Area, Key, Leftover},
    metadata::{BlobState, Reading},
    tasks::run_to_completion,
};

/// Something that nobody needs any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum GcItem {
    /// A blob that no version has referred to for longer than the grace period.
    UnreferencedBlob {
        /// Its digest.
        digest: Digest,
        /// Its size.
        bytes: u64,
    },
    /// A file in the place of a blob that the database does not know.
    OrphanedBlob {
        /// The digest it is named after.
        digest: Digest,
        /// Its size.
        bytes: u64,
    },
    /// An upload that was not continued in time.
    StaleUpload {
        /// Its name.
        id: UploadId,
        /// What is staged of it.
        bytes: u64,
    },
    /// A file of an upload, or of a write that was cut short, that nothing belongs to.
    OrphanedFile {
        /// Its place below the root of the storage.
        path: String,
        /// Its size.
        bytes: u64,
    },
}

impl GcItem {
    /// How many bytes it takes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::UnreferencedBlob { bytes, .. }
            | Self::OrphanedBlob { bytes, .. }
            | Self::StaleUpload { bytes, .. }
            | Self::OrphanedFile { bytes, .. } => *bytes,
        }
    }
}

/// What a collection would free. It is only a list: reading it, or making it, deletes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcPlan {
    /// The items.
    pub items: Vec<GcItem>,
}

impl GcPlan {
    /// How many bytes it would free.
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(GcItem::bytes).sum()
    }
}

/// What a collection has freed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// What is gone.
    pub freed: Vec<GcItem>,
    /// What was planned and is still there.
    pub spared: Vec<GcSpared>,
}

impl GcReport {
    /// How many bytes are free again.
    pub fn bytes(&self) -> u64 {
        self.freed.iter().map(GcItem::bytes).sum()
    }
}

/// An item of a plan that was not freed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GcSpared {
    /// The item.
    pub item: GcItem,
    /// Why it is still there.
    pub reason: String,
}

/// What became of an item.
enum Verdict {
    Freed,
    Spared(&'static str),
}

const GONE: Verdict = Verdict::Spared("it has gone already");
const NEEDED: Verdict = Verdict::Spared("it is needed again");

impl Operator {
    /// What can be freed at this moment.
    pub async fn gc_plan(&self) -> Result<GcPlan, Error> {
        let registry = &self.registry;
        let mut items = registry.unreferenced_blobs().await?;
        items.append(&mut registry.stale_uploads().await?);
        items.append(&mut registry.orphaned_blobs().await?);
        items.append(&mut registry.orphaned_files().await?);
        Ok(GcPlan { items })
    }

    /// Frees what is in the plan and still is not needed. What cannot be freed does not keep the
    /// rest from it: it is reported as spared.
    pub async fn gc_apply(&self, plan: GcPlan) -> Result<GcReport, Error> {
        let (registry, actor) = (self.registry.clone(), self.actor.clone());
        run_to_completion(async move {
            let mut report = GcReport::default();
            for item in plan.items {
                let reason = match registry.free(&actor, &item).await {
                    Ok(Verdict::Freed) => {
                        report.freed.push(item);
                        continue;
                    }
                    Ok(Verdict::Spared(reason)) => reason.to_owned(),
                    Err(error) => failure(&item, &error),
                };
                report.spared.push(GcSpared { item, reason });
            }
            Ok(report)
        })
        .await
    }
}

fn failure(item: &GcItem, error: &Error) -> String {
    let cause: &dyn std::error::Error = error;
    tracing::error!(error = cause, ?item, "something could not be freed");
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}

impl Registry {
    /// Frees the uploads whose time is over.
    pub(crate) async fn reap_uploads(&self) -> Result<(), Error> {
        for item in self.stale_uploads().await? {
            if let GcItem::StaleUpload { id, .. } = item {
                self.free_upload(id).await?;
            }
        }
        Ok(())
    }

    /// Everything that went out of use before this moment can be freed.
    fn grace_began(&self) -> Timestamp {
        let grace = SignedDuration::try_from(self.options().gc_grace);
        let grace = grace.unwrap_or(SignedDuration::MAX);
        self.now().saturating_sub(grace).unwrap_or(Timestamp::MIN)
    }

    async fn unreferenced_blobs(&self) -> Result<Vec<GcItem>, Error> {
        let mut tx = self.metadata().read().await?;
        let blobs = tx.deletable_blobs(self.grace_began()).await?;
        let items = blobs.into_iter().map(|blob| GcItem::UnreferencedBlob {
            digest: blob.digest,
            bytes: blob.size,
        });
        Ok(items.collect())
    }

    async fn stale_uploads(&self) -> Result<Vec<GcItem>, Error> {
        let expired = self
            .metadata()
            .read()
            .await?
            .expired_uploads(self.now())
            .await?;
        let mut items = Vec::new();
        for row in expired {
            let bytes = self.blobs().staged_size(row.id).await?.unwrap_or(0);
            items.push(GcItem::StaleUpload { id: row.id, bytes });
        }
        Ok(items)
    }

    async fn orphaned_blobs(&self) -> Result<Vec<GcItem>, Error> {
        let grace_began = self.grace_began();
        let mut found = self.blobs().list(Area::Blobs);
        let mut items = Vec::new();
        while let Some(object) = found.try_next().await? {
            let Some(Key::Blob(digest)) = object.key() else {
                continue;
            };
            let mut tx = self.metadata().read().await?;
            if object.modified <= grace_began && is_orphaned(&mut tx, &digest, self.now()).await? {
                let bytes = object.size;
                items.push(GcItem::OrphanedBlob { digest, bytes });
            }
        }
        Ok(items)
    }

    async fn orphaned_files(&self) -> Result<Vec<GcItem>, Error> {
        let grace_began = self.grace_began();
        let mut items = Vec::new();
        for leftover in self.blobs().leftovers().await? {
            let old = leftover.modified <= grace_began;
            if old && !self.belongs_to_upload(&leftover).await? {
                let Leftover {
                    path, size: bytes, ..
                } = leftover;
                items.push(GcItem::OrphanedFile { path, bytes });
            }
        }
        Ok(items)
    }

    async fn belongs_to_upload(&self, leftover: &Leftover) -> Result<bool, Error> {
        match leftover.upload {
            Some(id) => Ok(self.metadata().read().await?.upload(id).await?.is_some()),
            None => Ok(false),
        }
    }

    async fn free(&self, actor: &Actor, item: &GcItem) -> Result<Verdict, Error> {
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
                change.registry.blobs().delete(&Key::Blob(digest)).await?;
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
        let mut tx = self.metadata().write().await?;
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
        let mut tx = self.metadata().write().await?;
        if !is_orphaned(&mut tx, &digest, self.now()).await? {
            return Ok(NEEDED);
        }
        let freed = self.blobs().delete(&Key::Blob(digest)).await?;
        tx.rollback().await?;
        Ok(if freed { Verdict::Freed } else { GONE })
    }

    async fn free_upload(&self, id: UploadId) -> Result<Verdict, Error> {
        let mut tx = self.metadata().write().await?;
        match tx.upload(id).await? {
            None => return Ok(GONE),
            Some(row) if row.expires_at > self.now() => return Ok(NEEDED),
            Some(_) => {}
        }
        tx.delete_upload(id).await?;
        tx.commit().await?;
        self.blobs().discard_staged(id).await?;
        Ok(Verdict::Freed)
    }

    async fn free_file(&self, path: &str) -> Result<Verdict, Error> {
        let tx = self.metadata().write().await?;
        let Some(leftover) = self.blobs().leftover(path).await? else {
            return Ok(GONE);
        };
        if self.belongs_to_upload(&leftover).await? || leftover.modified > self.grace_began() {
            return Ok(NEEDED);
        }
        let freed = self.blobs().delete_leftover(path).await?;
        tx.rollback().await?;
        Ok(if freed { Verdict::Freed } else { GONE })
    }
}

/// Whether the database does not know a blob and no upload is about to bring it.
async fn is_orphaned(tx: &mut Reading, digest: &Digest, now: Timestamp) -> Result<bool, Error> {
    Ok(tx.blob(digest).await?.is_none() && !tx.digest_is_awaited(digest, now).await?)
}
