//! Garbage collection: finding what is not needed any more, and deleting it.
//!
//! It runs while the registry works, and in several processes at once. A plan is only a list. When it is
//! applied, each item is checked again, and spared when it is needed by then. A blob is first marked as
//! being deleted, under a lease that keeps uploads of the same image away; then the object goes, then
//! the row. What a failure leaves is a row that promises nothing.
//!
//! The blob of a version that only a descriptor knows of is kept: when the database was restored from an
//! older copy, a rebuild can still bring the version back.

mod find;
mod free;

use aar_types::Digest;
use serde::Serialize;

use free::Verdict;

use crate::{Error, Operator, UploadId, tasks::run_to_completion};

const UNREACHABLE: &str = "storage cannot be reached; it is left for the next collection";

/// Something that is not needed any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum GcItem {
    /// A blob that no version has referred to for longer than the grace period.
    UnreferencedBlob { digest: Digest, bytes: u64 },
    /// An object with the key of a blob that the database does not know.
    OrphanedBlob { digest: Digest, bytes: u64 },
    /// An upload that was not continued in time.
    StaleUpload {
        id: UploadId,
        /// How many bytes are staged.
        bytes: u64,
    },
    /// A file of an upload, or of an interrupted write, that nothing belongs to.
    OrphanedFile {
        /// Relative to the root of the storage.
        path: String,
        bytes: u64,
    },
}

impl GcItem {
    pub fn bytes(&self) -> u64 {
        match self {
            Self::UnreferencedBlob { bytes, .. }
            | Self::OrphanedBlob { bytes, .. }
            | Self::StaleUpload { bytes, .. }
            | Self::OrphanedFile { bytes, .. } => *bytes,
        }
    }

    /// The digest of a blob.
    fn digest(&self) -> Option<&Digest> {
        match self {
            Self::UnreferencedBlob { digest, .. } | Self::OrphanedBlob { digest, .. } => {
                Some(digest)
            }
            Self::StaleUpload { .. } | Self::OrphanedFile { .. } => None,
        }
    }
}

/// What a collection would free. Making a plan deletes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcPlan {
    pub items: Vec<GcItem>,
}

impl GcPlan {
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(GcItem::bytes).sum()
    }
}

/// What a collection has freed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    pub freed: Vec<GcItem>,
    /// What was planned and is still there.
    pub spared: Vec<GcSpared>,
}

impl GcReport {
    /// How many bytes were freed.
    pub fn bytes(&self) -> u64 {
        self.freed.iter().map(GcItem::bytes).sum()
    }
}

/// An item of a plan that was not freed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GcSpared {
    pub item: GcItem,
    pub reason: String,
}

impl Operator {
    /// What can be freed now.
    pub async fn gc_plan(&self) -> Result<GcPlan, Error> {
        let registry = &self.registry;
        let mut items = registry.unreferenced_blobs().await?;
        items.append(&mut registry.orphaned_blobs().await?);
        registry.spare_described_blobs(&mut items).await?;
        items.append(&mut registry.stale_uploads().await?);
        items.append(&mut registry.orphaned_files().await?);
        Ok(GcPlan { items })
    }

    /// Frees the items of a plan that are still not needed. An item that cannot be freed is spared, and
    /// the others are freed all the same, unless storage cannot be reached: each would wait for it.
    pub async fn gc_apply(&self, plan: GcPlan) -> Result<GcReport, Error> {
        let (registry, actor) = (self.registry.clone(), self.actor.clone());
        run_to_completion(async move {
            registry.forget_complete_uploads().await?;
            let mut report = GcReport::default();
            let mut items = plan.items.into_iter();
            for item in items.by_ref() {
                let (reason, is_unreachable) = match registry.free(&actor, &item).await {
                    Ok(Verdict::Freed) => {
                        report.freed.push(item);
                        continue;
                    }
                    Ok(Verdict::Spared(reason)) => (reason.to_owned(), false),
                    Err(error) => (failure(&item, &error), error.is_retryable()),
                };
                report.spared.push(GcSpared { item, reason });
                if is_unreachable {
                    break;
                }
            }
            report.spared.extend(items.map(|item| GcSpared {
                item,
                reason: UNREACHABLE.to_owned(),
            }));
            Ok(report)
        })
        .await
    }
}

fn failure(item: &GcItem, error: &Error) -> String {
    let cause: &dyn std::error::Error = error;
    tracing::error!(error = cause, ?item, "an item could not be freed");
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
