//! What the registry does: publish, fetch, list, remove, trust, and keep itself in order.
//!
//! [`Registry`] is the whole of it. One file is one feature; the two rooms below them are
//! `metadata`, which has all the SQL, and `storage`, which has all the bytes. Nothing here knows
//! of HTTP, and nothing outside reaches either room.
//!
//! # Rights
//!
//! The functions that do something hang on handles: [`Reader`], [`Publisher`] and [`Operator`].
//! `authorise.rs` is the only place that makes them, so whoever holds one has been let in.
//!
//! # Order
//!
//! Everything that changes is changed by one transaction, which holds state, revision, change feed
//! and audit entry, and takes the descriptors in the storage along. A version comes into being in
//! the order blob, descriptor, row; it goes in the order descriptor, row and, after the grace
//! period, blob. What is cut short leaves what nobody sees: bytes, which garbage collection frees,
//! or a descriptor that is ahead of its row. The row counts, and its descriptor is written again;
//! only a revocation holds from its descriptor on.

mod application;
mod audit;
mod authorise;
mod bucket_problem;
mod changes;
mod descriptor;
mod error;
mod fetch;
mod folder;
mod gc;
mod keys;
mod list;
mod metadata;
mod migrate;
mod mutation;
mod open;
mod options;
mod publish;
mod rebuild;
mod refresh;
mod refusals;
mod remove;
mod s3_options;
mod secret;
mod status;
mod storage;
mod tasks;
mod trust;
mod upload;
mod verify;
mod withdraw;

use std::{fmt, sync::Arc};

use aar_types::{RegistryId, Revision};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Mutex, watch};

pub use audit::{AuditEntry, AuditQuery, Outcome};
pub use authorise::{Caller, Operator, Publisher, Reader, Refusal};
pub use bucket_problem::{BucketProblem, CloudFrontProblem, KeyOrigin};
pub use error::Error;
pub use fetch::Fetch;
pub use gc::{GcItem, GcPlan, GcReport, GcSpared};
pub use keys::UploadId;
pub use list::{ListQuery, Page};
pub use migrate::MigrationReport;
pub use options::{DatabaseOptions, Options, StorageOptions, UploadLimits};
pub use publish::Published;
pub use rebuild::{Losses, RebuildReport};
pub use s3_options::{CloudFrontOptions, Encryption, S3Credentials, S3Options};
pub use secret::Secret;
pub use status::Status;
pub use storage::{Content, ImageFile, ImageObject};
pub use trust::{NewTrust, TrustAdded, TrustRecords, TrustTable, TrustedCertificate, Withdrawal};
pub use upload::{Upload, UploadNew};
pub use verify::{VerifyOptions, VerifyReport};

use metadata::{Metadata, RegistryRow};
use storage::{Brief, Storage};

/// A registry: catalogue, images, trust. Cheap to clone; all clones are the same registry.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    id: RegistryId,
    options: Options,
    metadata: Arc<Metadata>,
    storage: ArcSwap<StorageInUse>,
    revision: watch::Sender<Revision>,
    trust: ArcSwap<TrustTable>,
    trust_changes: watch::Sender<u64>,
    refreshing: Mutex<()>,
    upload_locks: upload::UploadLocks,
    refusals: refusals::RefusalLog,
    owed: mutation::Owed,
}

/// The storage in use. It and its name change together.
struct StorageInUse {
    storage: Arc<Storage>,
    name: String,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({} at {})", self.id(), self.revision())
    }
}

impl Registry {
    fn assemble(options: Options, metadata: Metadata, storage: Storage, row: RegistryRow) -> Self {
        let metadata = Arc::new(metadata);
        let refusals = refusals::RefusalLog::start(Arc::clone(&metadata));
        let inner = Inner {
            id: row.id,
            options,
            metadata,
            storage: ArcSwap::from_pointee(StorageInUse {
                storage: Arc::new(storage),
                name: row.storage,
            }),
            revision: watch::Sender::new(row.revision),
            trust: ArcSwap::default(),
            trust_changes: watch::Sender::new(0),
            refreshing: Mutex::default(),
            upload_locks: upload::UploadLocks::default(),
            refusals,
            owed: mutation::Owed::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The identity of the registry.
    pub fn id(&self) -> &RegistryId {
        &self.inner.id
    }

    /// The present revision, from memory.
    pub fn revision(&self) -> Revision {
        *self.inner.revision.borrow()
    }

    /// Follows the revision.
    pub fn revisions(&self) -> watch::Receiver<Revision> {
        self.inner.revision.subscribe()
    }

    /// Who is trusted, from memory.
    pub fn trust(&self) -> Arc<TrustTable> {
        self.inner.trust.load_full()
    }

    /// Follows changes of trust: the number grows with each of them. The table is replaced before.
    pub fn trust_changes(&self) -> watch::Receiver<u64> {
        self.inner.trust_changes.subscribe()
    }

    /// Waits for what is being written and closes the database.
    pub async fn close(&self) {
        self.inner.refusals.close().await;
        self.inner.metadata.close().await;
    }

    /// Begins to write. Who has not noticed yet that the storage has moved is turned away: what it
    /// would write into the old one would be lost.
    async fn write(&self) -> Result<metadata::Writing, Error> {
        let mut tx = self.metadata().write().await?;
        match tx.storage().await? {
            Some(storage) if storage != self.storage_name() => Err(Error::StorageMoved),
            _ => Ok(tx),
        }
    }

    fn storage_name(&self) -> String {
        self.inner.storage.load().name.clone()
    }

    fn metadata(&self) -> &Metadata {
        &self.inner.metadata
    }

    fn storage(&self) -> Arc<Storage> {
        Arc::clone(&self.inner.storage.load().storage)
    }

    /// The storage for whoever keeps others from changing anything meanwhile.
    fn brief_storage(&self) -> Brief {
        Brief::new(self.storage())
    }

    fn options(&self) -> &Options {
        &self.inner.options
    }

    /// The present moment, as precise as the database keeps it: what is answered now and what is
    /// read later are the same.
    fn now(&self) -> Timestamp {
        let now = self.inner.options.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Lets everybody know of a revision, unless a later one is known already.
    fn announce_revision(&self, revision: Revision) {
        self.inner.revision.send_if_modified(|known| {
            let newer = revision > *known;
            *known = (*known).max(revision);
            newer
        });
    }
}
