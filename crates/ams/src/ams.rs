use std::{path::Path, sync::Arc, time::Duration};

use aar_daemon::{base_dir::private_dir, lock::Lock};
use aar_tls::{Certificate, Identity};
use aar_types::Clock;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Error,
    applications::{self, Applications},
    config::Config,
    events::Events,
    identity,
    images::Images,
    operations::Operations,
    registry::{self, Catalogue, Registry},
    settings::Settings,
    staging::Staging,
    store::Store,
    trust::Trust,
};

/// How often left-over files are looked for.
const REAP_EVERY: Duration = Duration::from_hours(1);
/// How long operations may take to end when AMS stops.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// The application half of the management service: everything that its API offers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ams(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    clock: Clock,
    config: Config,
    trust: Trust,
    applications: Applications,
    registry: Registry,
    staging: Staging,
    operations: Operations,
    events: Events,
    identity: Identity,
    store: Store,
    #[cfg(test)]
    images: Images,
    reaper: AbortOnDropHandle<()>,
    _lock: Lock,
}

impl Ams {
    /// Opens the base folder, makes what is missing in it, and starts the registry agent. One
    /// process at a time can have a base folder open.
    pub async fn open(base: &Path, settings: Settings, clock: Clock) -> Result<Self, Error> {
        private_dir(base)?;
        let lock = Lock::acquire(base)?;
        let identity = identity::open(&base.join("registry"), &clock)?;
        let store = open_store(&settings.database(base)).await?;
        let artifacts = settings.artifacts(base);
        let staging = Staging::open(artifacts.join("staging"))?;
        let images = Images::open(artifacts.join("images"), store.clone())?;
        let events = Events::new(clock.clone());
        let operations = Operations::new(events.clone(), clock.clone());
        let config = Config::open(store.clone()).await?;
        let trust = Trust::open(store.clone(), events.clone(), clock.clone()).await?;
        let architecture = settings.architecture()?;
        let applications = Applications::open(applications::Parts {
            store: store.clone(),
            images: images.clone(),
            staging: staging.clone(),
            operations: operations.clone(),
            events: events.clone(),
            config: config.clone(),
            clock: clock.clone(),
            architecture,
        })
        .await?;
        let registry = Registry::start(registry::Parts {
            catalogue: Catalogue {
                store: store.clone(),
                images: images.clone(),
                events: events.clone(),
                clock: clock.clone(),
                architecture,
            },
            applications: applications.clone(),
            store: store.clone(),
            config: config.clone(),
            trust: trust.clone(),
            identity: identity.clone(),
            operations: operations.clone(),
            clock: clock.clone(),
        });
        let reaper = AbortOnDropHandle::new(tokio::spawn(reap(images.clone(), clock.clone())));
        Ok(Self(Arc::new(Inner {
            settings,
            clock,
            config,
            trust,
            applications,
            registry,
            staging,
            operations,
            events,
            identity,
            store,
            #[cfg(test)]
            images,
            reaper,
            _lock: lock,
        })))
    }

    /// The settings AMS was started with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Where the time of day comes from.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The configuration items.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The trust store.
    pub fn trust(&self) -> &Trust {
        &self.0.trust
    }

    /// The applications.
    pub fn applications(&self) -> &Applications {
        &self.0.applications
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Where uploads are put until they are complete.
    pub fn staging(&self) -> &Staging {
        &self.0.staging
    }

    /// What is done in the background.
    pub fn operations(&self) -> &Operations {
        &self.0.operations
    }

    /// What happens.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    /// The certificate by which the registry knows this AMS.
    pub fn registry_identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The users beside root and AMS's own who may use the local socket.
    pub fn allowed_uids(&self) -> &[u32] {
        &self.0.settings.allowed_uids
    }

    /// Trusts the certificate of a client that knows the trust password.
    pub async fn enrol(&self, certificate: &Certificate, password: &str) -> Result<(), Error> {
        if !self.0.config.is_trust_password(password).await? {
            return Err(Error::WrongTrustPassword);
        }
        self.0.trust.add(certificate).await
    }

    /// The door of the registry, for tests that stand in for its agent.
    #[cfg(test)]
    pub(crate) fn catalogue(&self) -> Catalogue {
        Catalogue {
            store: self.0.store.clone(),
            images: self.0.images.clone(),
            events: self.0.events.clone(),
            clock: self.0.clock.clone(),
            architecture: self.0.applications.architecture(),
        }
    }

    /// Ends what is running, in an orderly way and within bounds, and closes the database.
    pub async fn close(&self) {
        self.0.reaper.abort();
        self.0.registry.stop().await;
        self.0.operations.close(DRAIN_LIMIT).await;
        self.0.store.close().await;
    }
}

async fn open_store(path: &Path) -> Result<Store, Error> {
    if let Some(folder) = path.parent() {
        private_dir(folder)?;
    }
    Store::open(path).await
}

/// Looks for left-over files from the start on, every now and then.
async fn reap(images: Images, clock: Clock) {
    let mut every = tokio::time::interval(REAP_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = images.reap(&clock).await {
            let cause = crate::error::chain(&error);
            tracing::warn!(cause, "left-over files could not be removed");
        }
    }
}
