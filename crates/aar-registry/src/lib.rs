//! What the registry does.
//!
//! One file per feature, one facade: [`Registry`].

mod application;
mod audit;
mod authorise;
mod changes;
mod error;
mod fetch;
mod gc;
mod list;
mod options;
mod publish;
mod rebuild;
mod refresh;
mod remove;
mod status;
mod trust;
mod upload;
mod verify;
mod withdraw;

use std::sync::Arc;

use aar_types::{RegistryId, Revision};
use tokio::sync::watch;

pub use audit::{AuditEntry, AuditQuery, Outcome};
pub use authorise::{Caller, Operator, Publisher, Reader, Refusal};
pub use error::Error;
pub use fetch::{Content, Fetch, ImageFile};
pub use gc::{GcItem, GcPlan, GcReport, GcSpared};
pub use list::{ListQuery, Page};
pub use options::{DatabaseOptions, Options, StorageOptions, UploadLimits};
pub use publish::Published;
pub use rebuild::RebuildReport;
pub use status::Status;
pub use trust::{NewTrust, TrustAdded, TrustTable, TrustedCertificate};
pub use upload::{Upload, UploadId, UploadNew};
pub use verify::{VerifyOptions, VerifyReport};

/// A registry: catalogue, images, trust. Cheap to clone; all clones are the same registry.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let _ = &self.inner;
        f.write_str("Registry")
    }
}

impl Registry {
    /// Opens the registry and creates what is missing.
    ///
    /// Refused are storage that belongs to another registry, and an empty database beside storage
    /// that is not empty: see [`Registry::rebuild`].
    pub async fn open(options: Options) -> Result<Self, Error> {
        let _ = options;
        todo!()
    }

    /// The identity of the registry.
    pub fn id(&self) -> &RegistryId {
        todo!()
    }

    /// The present revision, from memory.
    pub fn revision(&self) -> Revision {
        todo!()
    }

    /// Follows the revision.
    pub fn revisions(&self) -> watch::Receiver<Revision> {
        todo!()
    }

    /// Who is trusted, from memory.
    pub fn trust(&self) -> Arc<TrustTable> {
        todo!()
    }

    /// Follows changes of trust: the number grows with each of them. The table is replaced before.
    pub fn trust_changes(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// Waits for what is being written and closes the database.
    pub async fn close(&self) {
        todo!()
    }
}
