//! Garbage collection: finds unused items and deletes them.
//!
//! It runs while the registry works, and in several processes at once. A plan is only a list. When it is
//! applied, each item is checked again, and spared if it is needed by then. A blob is first marked as being
//! deleted, under a lease that excludes uploads of the same image. Then the object is deleted, then the row.
//! A failure leaves only a row that guarantees nothing.
//!
//! The blob of a version that has only a descriptor is kept: if the database was restored from an older copy,
//! a rebuild can restore the version.

mod find;
mod free;

use aar_types::Digest;
use serde::Serialize;

use free::Verdict;

use crate::{Error, Operator, UploadId, tasks::run_to_completion};

const UNREACHABLE: &str = "storage cannot be reached; it is left for the next collection";

/// An item that is no longer needed.
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
        /// The number of staged bytes.
        bytes: u64,
    },
    /// A file of an upload or an interrupted write, without an owner.
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

    fn digest(&self) -> Option<&Digest> {
        match self {
            Self::UnreferencedBlob { digest, .. } | Self::OrphanedBlob { digest, .. } => {
                Some(digest)
            }
            Self::StaleUpload { .. } | Self::OrphanedFile { .. } => None,
        }
    }
}

/// The items that a collection would free. Making a plan deletes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcPlan {
    pub items: Vec<GcItem>,
}

impl GcPlan {
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(GcItem::bytes).sum()
    }
}

/// The items that a collection has freed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    pub freed: Vec<GcItem>,
    /// The planned items that still exist.
    pub spared: Vec<GcSpared>,
}

impl GcReport {
    /// The number of freed bytes.
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
    /// Finds the items that can be freed now.
    pub async fn gc_plan(&self) -> Result<GcPlan, Error> {
        let registry = &self.registry;
        let mut items = registry.unreferenced_blobs().await?;
        items.append(&mut registry.orphaned_blobs().await?);
        registry.spare_described_blobs(&mut items).await?;
        items.append(&mut registry.stale_uploads().await?);
        items.append(&mut registry.orphaned_files().await?);
        Ok(GcPlan { items })
    }

    /// Frees the items of a plan that are still unused. An item that cannot be freed is spared, and the next
    /// one follows, unless storage cannot be reached: each attempt would wait for it.
    pub async fn gc_apply(&self, plan: GcPlan) -> Result<GcReport, Error> {
        let (registry, actor) = (self.registry.clone(), self.actor.clone());
        run_to_completion(async move {
            registry.correct_times().await?;
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
