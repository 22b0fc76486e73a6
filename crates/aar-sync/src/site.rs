//! The two sides that are kept in step: a registry and a local catalogue.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aar_client::{ChangesAnswer, Error as ClientError, ListFilter, Listing, RegistryClient};
use aar_types::{Application, ApplicationName, Changes, Revision};
use tokio::sync::{Semaphore, watch};

use crate::{AgentConfig, LocalCatalogue, board::Board, error::Error};

/// Up to how many changed applications are asked for one by one.
const FEW: usize = 16;
/// How many images of one kind travel at the same time.
const TRANSFERS: usize = 2;
/// From here on an image is large: it does not stand in the way of small ones.
pub(crate) const LARGE: u64 = 256 << 20;

/// What a registry has.
pub(crate) struct Seen {
    pub(crate) listing: Arc<Listing>,
    /// Whether it was listed as a whole. Only then something may be missing because it is gone.
    pub(crate) complete: bool,
}

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

    /// What the registry has, as a complete listing. One conditional request when nothing changed.
    pub(crate) async fn look(&self) -> Result<Seen, Error> {
        let filter = ListFilter {
            architecture: Some(self.catalogue.architecture()),
            // Tags are matched here: an application that lost its tag is told from one that is
            // gone, and a registry that matches otherwise removes nothing.
            tags: Vec::new(),
        };
        let known = self.known().filter(|known| known.etag.is_some());
        let etag = known.as_ref().and_then(|known| known.etag.as_deref());
        let listing = match (self.client.list_if_changed(&filter, etag).await?, known) {
            (Some(changed), _) => self.keep(changed),
            (None, Some(known)) => {
                self.revision.send_replace(Some(known.revision));
                known
            }
            (None, None) => self.keep(self.client.list(&filter).await?),
        };
        Ok(Seen {
            listing,
            complete: true,
        })
    }

    /// What the registry has, by what it had and what has changed since: what that costs depends on
    /// the changes and not on the catalogue. Nothing is to be removed because of it.
    pub(crate) async fn glance(&self) -> Result<Seen, Error> {
        if let Some(known) = self.known()
            && let Ok(Some(newer)) = self.catch_up(&known).await
        {
            return Ok(Seen {
                listing: self.keep(newer),
                complete: false,
            });
        }
        self.look().await
    }

    /// The listing with what has changed; `None` where a new one is simpler, or needed.
    async fn catch_up(&self, known: &Listing) -> Result<Option<Listing>, ClientError> {
        let answer = self.client.changes(known.revision, Duration::ZERO).await?;
        let ChangesAnswer::Changes(changes) = answer else {
            return Ok(None);
        };
        let names = self.names(&changes);
        let continues = changes.registry_id == known.registry_id;
        if !continues || changes.revision < known.revision || names.len() > FEW {
            return Ok(None);
        }
        let mut newer = known.clone();
        // The tag is for a listing; the next complete look asks for one.
        newer.etag = None;
        newer.revision = changes.revision;
        for name in names {
            replace(
                &mut newer.applications,
                name,
                self.client.application(name).await?,
            );
        }
        Ok(Some(newer))
    }

    fn names<'a>(&self, changes: &'a Changes) -> BTreeSet<&'a ApplicationName> {
        let ours = self.catalogue.architecture();
        let changes = changes.changes.iter();
        changes
            .filter(|change| change.architecture == ours)
            .map(|change| &change.application)
            .collect()
    }

    fn keep(&self, listing: Listing) -> Arc<Listing> {
        let listing = Arc::new(listing);
        *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&listing));
        self.revision.send_replace(Some(listing.revision));
        listing
    }

    /// Takes out of what the registry had what has just been deleted there for our architecture.
    pub(crate) fn forget(&self, name: &ApplicationName) {
        let mut listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = &*listing else { return };
        let mut newer = Listing::clone(known);
        // The tag is for a listing; the next complete look asks for one.
        newer.etag = None;
        let ours = self.catalogue.architecture();
        for known in newer.applications.iter_mut().filter(|it| it.name == *name) {
            known.variants.retain(|it| it.architecture != ours);
        }
        newer.applications.retain(|it| !it.variants.is_empty());
        *listing = Some(Arc::new(newer));
    }

    /// What the registry had when it was last asked.
    pub(crate) fn known(&self) -> Option<Arc<Listing>> {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        listing.clone()
    }

    /// The revision of the last listing, for the change feed to go on from. Each answer is a change.
    pub(crate) fn revisions(&self) -> watch::Receiver<Option<Revision>> {
        self.revision.subscribe()
    }
}

fn replace(
    applications: &mut Vec<Application>,
    name: &ApplicationName,
    present: Option<Application>,
) {
    applications.retain(|known| known.name != *name);
    applications.extend(present);
}
