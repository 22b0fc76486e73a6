use std::{path::Path, sync::Arc};

use aar_types::{ApplicationName, Architecture, Clock};

use crate::{
    Error,
    arrivals::Arrivals,
    config::Config,
    events::Events,
    images::Images,
    keyed_lock::{Guard, KeyedLock},
    operations::Operations,
    settings::Settings,
    staging::Staging,
    store::Store,
    trust::Trust,
};

/// The parts of AMS that applications and the registry agent share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) images: Images,
    pub(crate) staging: Staging,
    pub(crate) events: Events,
    pub(crate) operations: Operations,
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    pub(crate) arrivals: Arrivals,
    /// Held by the agent while it changes the registry for an application or imports one, and by
    /// deletions and publications, so that no change is sent that is no longer true.
    pub(crate) application_locks: Arc<KeyedLock<ApplicationName>>,
    pub(crate) clock: Clock,
    pub(crate) architecture: Architecture,
}

impl Services {
    /// Opens the database and the folders of images and uploads; creates what is missing.
    pub(crate) async fn open(
        base: &Path,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let architecture = settings.architecture()?;
        let store = Store::open(&settings.database(base)).await?;
        let artifacts = settings.artifacts(base);
        let events = Events::new(clock.clone());
        Ok(Self {
            images: Images::open(artifacts.join("images"), store.clone(), clock.clone())?,
            staging: Staging::open(artifacts.join("staging"))?,
            operations: Operations::new(events.clone(), clock.clone()),
            config: Config::open(store.clone()).await?,
            trust: Trust::open(store.clone(), events.clone(), clock.clone()).await?,
            arrivals: Arrivals::new(clock.clone()),
            application_locks: Arc::default(),
            store,
            events,
            clock,
            architecture,
        })
    }

    /// Waits for the only right to change an application.
    pub(crate) async fn lock_application(&self, name: &ApplicationName) -> Guard {
        self.application_locks.queue(name).acquire().await
    }
}
