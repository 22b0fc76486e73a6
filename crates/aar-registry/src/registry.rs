use std::{fmt, fmt::Display, sync::Arc};

use aar_types::{RegistryId, Revision};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, watch};

use crate::{
    Error, Options, TrustTable,
    actor::Actor,
    image_check::ImageChecks,
    last_refresh::LastRefresh,
    metadata::{Metadata, RegistryRow, Writing, now},
    metrics::RefusalMetrics,
    refusals::RefusalLog,
    report_pace::ReportPace,
    storage::Storage,
    upload_lock::UploadLocks,
};

/// A registry: catalogue, images, trust. Cheap to clone; all clones are the same registry.
#[derive(Clone)]
pub struct Registry {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    id: RegistryId,
    options: Options,
    metadata: Arc<Metadata>,
    pub(crate) storage: ArcSwap<StorageInUse>,
    pub(crate) revision: watch::Sender<Revision>,
    pub(crate) trust: ArcSwap<TrustTable>,
    pub(crate) trust_changes: watch::Sender<u64>,
    /// Held while the trust table is replaced, so that an older table does not replace a newer one.
    pub(crate) refreshing: Mutex<()>,
    pub(crate) last_refresh: LastRefresh,
    /// Notified when an entry stays in the outbox after a failed delivery.
    pub(crate) undelivered: Notify,
    pub(crate) upload_locks: UploadLocks,
    pub(crate) image_checks: ImageChecks,
    refusals: RefusalLog,
    pub(crate) refused: RefusalMetrics,
    pub(crate) report_pace: ReportPace,
}

/// Storage and its name change together.
pub(crate) struct StorageInUse {
    pub(crate) storage: Arc<Storage>,
    pub(crate) name: String,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({} at {})", self.id(), self.revision())
    }
}

impl Registry {
    pub(crate) fn assemble(
        options: Options,
        metadata: Metadata,
        storage: Storage,
        row: RegistryRow,
    ) -> Self {
        let metadata = Arc::new(metadata);
        let refusals = RefusalLog::start(Arc::clone(&metadata));
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
            last_refresh: LastRefresh::default(),
            undelivered: Notify::new(),
            upload_locks: UploadLocks::default(),
            image_checks: ImageChecks::default(),
            refusals,
            refused: RefusalMetrics::default(),
            report_pace: ReportPace::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    pub fn id(&self) -> &RegistryId {
        &self.inner.id
    }

    /// The current revision, from memory.
    pub fn revision(&self) -> Revision {
        *self.inner.revision.borrow()
    }

    pub fn revisions(&self) -> watch::Receiver<Revision> {
        self.inner.revision.subscribe()
    }

    /// The trusted and revoked certificates, from memory.
    pub fn trust(&self) -> Arc<TrustTable> {
        self.inner.trust.load_full()
    }

    /// Follows changes of trust. The table is replaced before its revision is sent.
    pub fn trust_changes(&self) -> watch::Receiver<u64> {
        self.inner.trust_changes.subscribe()
    }

    /// Waits for pending writes and closes the database.
    pub async fn close(&self) {
        self.inner.refusals.close().await;
        self.inner.metadata.close().await;
    }

    /// Begins a write transaction. Refuses it if the registry was migrated and this process still has the old
    /// storage open: writes to that storage would be lost.
    pub(crate) async fn write(&self) -> Result<Writing, Error> {
        self.check_moved(self.metadata().write().await?).await
    }

    /// The same for work that frees space or withdraws trust: it may use the reserve of a full volume.
    pub(crate) async fn write_from_reserve(&self) -> Result<Writing, Error> {
        self.check_moved(self.metadata().write_from_reserve().await?)
            .await
    }

    async fn check_moved(&self, mut tx: Writing) -> Result<Writing, Error> {
        match tx.storage().await? {
            Some(storage) if storage != self.storage_name() => Err(Error::StorageMoved),
            _ => Ok(tx),
        }
    }

    pub(crate) fn storage_name(&self) -> String {
        self.inner.storage.load().name.clone()
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.inner.metadata
    }

    pub(crate) fn storage(&self) -> Arc<Storage> {
        Arc::clone(&self.inner.storage.load().storage)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(crate) fn now(&self) -> Timestamp {
        now(&self.inner.options.clock)
    }

    /// Publishes a revision to watchers, unless a later one is known.
    pub(crate) fn announce_revision(&self, revision: Revision) {
        self.inner.revision.send_if_modified(|known| {
            let newer = revision > *known;
            *known = (*known).max(revision);
            newer
        });
    }

    /// Records a refusal, within the limits of [`RefusalLog`].
    pub(crate) fn note_refusal(
        &self,
        actor: &Actor,
        action: &str,
        target: &str,
        reason: &dyn Display,
    ) {
        self.inner
            .refusals
            .note(actor, self.now(), action, target, reason);
    }
}
