//! The two sides that are kept in step: a registry and a local catalogue.

use std::sync::{Arc, Mutex, PoisonError};

use aar_client::{ListFilter, Listing, RegistryClient};
use aar_types::Revision;
use tokio::sync::{Semaphore, watch};

use crate::{AgentConfig, LocalCatalogue, board::Board, error::Error};

/// How many images of one kind travel at the same time.
const TRANSFERS: usize = 2;
/// From here on an image is large: it does not stand in the way of small ones.
pub(crate) const LARGE: u64 = 256 << 20;

/// One registry as configured, beside the local catalogue.
pub(crate) struct Site<L> {
    pub(crate) catalogue: Arc<L>,
    pub(crate) client: RegistryClient,
    pub(crate) config: AgentConfig,
    pub(crate) board: Arc<Board>,
    pub(crate) small: Semaphore,
    pub(crate) large: Semaphore,
    /// What the registry had when it was last asked. It is of use only as long as the registry
    /// says that nothing has changed.
    listing: Mutex<Option<Arc<Listing>>>,
    revision: watch::Sender<Option<Revision>>,
}

impl<L: LocalCatalogue> Site<L> {
    pub(crate) fn new(catalogue: Arc<L>, config: AgentConfig, board: Arc<Board>) -> Self {
        Self {
            catalogue,
            client: config.client.clone(),
            config,
            board,
            small: Semaphore::new(TRANSFERS),
            large: Semaphore::new(TRANSFERS),
            listing: Mutex::default(),
            revision: watch::Sender::new(None),
        }
    }

    /// What the registry has for our architecture. One conditional request when nothing changed.
    pub(crate) async fn listing(&self) -> Result<Arc<Listing>, Error> {
        let filter = ListFilter {
            architecture: Some(self.catalogue.architecture()),
            // Tags are matched here: an application that lost its tag is told from one that is
            // gone, and a registry that matches otherwise removes nothing.
            tags: Vec::new(),
        };
        let known = self.known();
        let etag = known.as_ref().and_then(|known| known.etag.as_deref());
        let listing = match (self.client.list_if_changed(&filter, etag).await?, known) {
            (Some(changed), _) => Arc::new(changed),
            (None, Some(known)) => return Ok(known),
            (None, None) => Arc::new(self.client.list(&filter).await?),
        };
        *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&listing));
        self.revision.send_replace(Some(listing.revision));
        Ok(listing)
    }

    fn known(&self) -> Option<Arc<Listing>> {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        listing.clone()
    }

    /// The revision of the last listing, for the change feed to go on from.
    pub(crate) fn revisions(&self) -> watch::Receiver<Option<Revision>> {
        self.revision.subscribe()
    }
}
