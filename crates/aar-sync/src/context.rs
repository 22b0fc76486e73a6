use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aar_client::{ChangesResponse, Error as ClientError, ListFilter, Listing, RegistryClient};
use aar_types::{ApplicationName, Changes, Revision};
use tokio::sync::{Semaphore, watch};

use crate::{
    config::AgentConfig, error::Error, local_catalogue::LocalCatalogue, status::StatusBoard,
};

/// Up to how many changed applications are requested one by one, in place of a listing.
const MAX_SINGLE_REQUESTS: usize = 16;
/// How many small, and how many large images are transferred at the same time.
const CONCURRENT_TRANSFERS: usize = 2;
/// Images from this size on have their own permits, so that they do not delay small ones.
const LARGE_IMAGE: u64 = 256 << 20;

/// The catalogue of the registry as last observed.
pub(crate) struct ObservedCatalogue {
    pub(crate) listing: Arc<Listing>,
    /// Whether it is a complete listing. Only then an absent application counts as deleted.
    pub(crate) complete: bool,
}

/// Both sides of the synchronisation under one configuration.
pub(crate) struct SyncContext<L> {
    pub(crate) catalogue: Arc<L>,
    pub(crate) client: RegistryClient,
    pub(crate) config: AgentConfig,
    pub(crate) board: Arc<StatusBoard>,
    small_images: Semaphore,
    large_images: Semaphore,
    last_listing: Mutex<Option<Arc<Listing>>>,
    revision: watch::Sender<Option<Revision>>,
}

impl<L: LocalCatalogue> SyncContext<L> {
    pub(crate) fn new(catalogue: Arc<L>, config: AgentConfig, board: Arc<StatusBoard>) -> Self {
        Self {
            catalogue,
            client: config.client.clone(),
            config,
            board,
            small_images: Semaphore::new(CONCURRENT_TRANSFERS),
            large_images: Semaphore::new(CONCURRENT_TRANSFERS),
            last_listing: Mutex::default(),
            revision: watch::Sender::new(None),
        }
    }

    /// The permits for transfers of images of a size.
    pub(crate) fn transfer_permits(&self, size: u64) -> &Semaphore {
        if size >= LARGE_IMAGE {
            &self.large_images
        } else {
            &self.small_images
        }
    }

    /// The complete catalogue of the registry. Costs one conditional request if nothing changed.
    pub(crate) async fn observe(&self) -> Result<ObservedCatalogue, Error> {
        let filter = ListFilter {
            architecture: Some(self.catalogue.architecture()),
            // The plan matches the tags: it tells a lost tag from a deleted application, and a
            // registry with another notion of matching removes nothing.
            tags: Vec::new(),
        };
        let last = self.last_listing().filter(|last| last.etag.is_some());
        let etag = last.as_ref().and_then(|last| last.etag.as_deref());
        let listing = match (self.client.list_if_changed(&filter, etag).await?, last) {
            (Some(changed), _) => self.store(changed),
            (None, Some(last)) => {
                self.revision.send_replace(Some(last.revision));
                last
            }
            (None, None) => self.store(self.client.list(&filter).await?),
        };
        Ok(ObservedCatalogue {
            listing,
            complete: true,
        })
    }

    /// The last listing, updated by the changes since. The cost depends on the number of changes, not
    /// on the size of the catalogue. The result is no reason for removals.
    pub(crate) async fn observe_changes(&self) -> Result<ObservedCatalogue, Error> {
        if let Some(last) = self.last_listing()
            && let Ok(Some(updated)) = self.updated(&last).await
        {
            return Ok(ObservedCatalogue {
                listing: self.store(updated),
                complete: false,
            });
        }
        self.observe().await
    }

    /// `None` if a new listing is necessary, or cheaper.
    async fn updated(&self, last: &Listing) -> Result<Option<Listing>, ClientError> {
        let answer = self.client.changes(last.revision, Duration::ZERO).await?;
        let ChangesResponse::Changes(changes) = answer else {
            return Ok(None);
        };
        let names = self.changed_names(&changes);
        let same_registry = changes.registry_id == last.registry_id;
        if !same_registry || changes.revision < last.revision || names.len() > MAX_SINGLE_REQUESTS {
            return Ok(None);
        }
        let mut updated = without_etag(last);
        updated.revision = changes.revision;
        for name in names {
            let present = self.client.application(name).await?;
            updated.applications.retain(|it| it.name != *name);
            updated.applications.extend(present);
        }
        Ok(Some(updated))
    }

    fn changed_names<'a>(&self, changes: &'a Changes) -> BTreeSet<&'a ApplicationName> {
        let architecture = self.catalogue.architecture();
        let changes = changes.changes.iter();
        changes
            .filter(|change| change.architecture == architecture)
            .map(|change| &change.application)
            .collect()
    }

    fn store(&self, listing: Listing) -> Arc<Listing> {
        let listing = Arc::new(listing);
        *self.lock_listing() = Some(Arc::clone(&listing));
        self.revision.send_replace(Some(listing.revision));
        listing
    }

    /// Removes an application from the last listing that was just deleted in the registry for the
    /// local architecture.
    pub(crate) fn forget(&self, name: &ApplicationName) {
        let mut listing = self.lock_listing();
        let Some(last) = &*listing else { return };
        let mut updated = without_etag(last);
        let architecture = self.catalogue.architecture();
        for deleted in updated
            .applications
            .iter_mut()
            .filter(|it| it.name == *name)
        {
            deleted
                .variants
                .retain(|it| it.architecture != architecture);
        }
        updated.applications.retain(|it| !it.variants.is_empty());
        *listing = Some(Arc::new(updated));
    }

    pub(crate) fn last_listing(&self) -> Option<Arc<Listing>> {
        self.lock_listing().clone()
    }

    /// The revision of the last listing. Each observation counts as a change of it.
    pub(crate) fn observed_revisions(&self) -> watch::Receiver<Option<Revision>> {
        self.revision.subscribe()
    }

    fn lock_listing(&self) -> MutexGuard<'_, Option<Arc<Listing>>> {
        self.last_listing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `ETag` belongs to an unmodified listing; the next observation requests a new one.
fn without_etag(listing: &Listing) -> Listing {
    Listing {
        etag: None,
        ..listing.clone()
    }
}
