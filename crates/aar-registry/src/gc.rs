use aar_types::Digest;
use serde::Serialize;

use crate::{Error, Operator, UploadId};

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

impl Operator {
    /// What can be freed at this moment.
    pub async fn gc_plan(&self) -> Result<GcPlan, Error> {
        todo!()
    }

    /// Frees what is in the plan and still is not needed.
    pub async fn gc_apply(&self, plan: GcPlan) -> Result<GcReport, Error> {
        let _ = plan;
        todo!()
    }
}
