//! Garbage collection: finding what nobody needs any more, and freeing it.
//!
//! It runs while the registry works, and in several processes at once. A plan is only a list. When
//! it is applied each item is looked at again under the write transaction, and spared when
//! somebody needs it by then. A blob is first marked as being deleted, and that is committed, so
//! that a failure in the middle never leaves a row that promises a file; then the file and the row
//! go, while nobody else can write. An upload of the same image in between takes the blob back.
//!
//! The blob of a version that only a descriptor tells of is kept, whoever left it like that: where
//! the database was restored from an older copy, a rebuild can still bring the version back.

mod find;
mod free;

use aar_types::Digest;
use serde::Serialize;

use free::Verdict;

use crate::{Error, Operator, UploadId, tasks::run_to_completion};

const AWAY: &str = "the storage is away; it is left for the next collection";

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

    /// The blob that it is, if it is one.
    fn digest(&self) -> Option<&Digest> {
        match self {
            Self::UnreferencedBlob { digest, .. } | Self::OrphanedBlob { digest, .. } => {
                Some(digest)
            }
            Self::StaleUpload { .. } | Self::OrphanedFile { .. } => None,
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

impl Operator {
    /// What can be freed at this moment.
    pub async fn gc_plan(&self) -> Result<GcPlan, Error> {
        let registry = &self.registry;
        let mut items = registry.unreferenced_blobs().await?;
        items.append(&mut registry.orphaned_blobs().await?);
        registry.spare_described(&mut items).await?;
        items.append(&mut registry.stale_uploads().await?);
        items.append(&mut registry.orphaned_files().await?);
        Ok(GcPlan { items })
    }

    /// Frees what is in the plan and still is not needed. What cannot be freed does not keep the
    /// rest from it: it is reported as spared. Where the storage is away the rest is spared, too:
    /// each item would wait for it.
    pub async fn gc_apply(&self, plan: GcPlan) -> Result<GcReport, Error> {
        let (registry, actor) = (self.registry.clone(), self.actor.clone());
        run_to_completion(async move {
            registry.forget_complete_uploads().await?;
            let mut report = GcReport::default();
            let mut items = plan.items.into_iter();
            for item in items.by_ref() {
                let (reason, away) = match registry.free(&actor, &item).await {
                    Ok(Verdict::Freed) => {
                        report.freed.push(item);
                        continue;
                    }
                    Ok(Verdict::Spared(reason)) => (reason.to_owned(), false),
                    Err(error) => (failure(&item, &error), error.passes()),
                };
                report.spared.push(GcSpared { item, reason });
                if away {
                    break;
                }
            }
            report.spared.extend(items.map(|item| GcSpared {
                item,
                reason: AWAY.to_owned(),
            }));
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
