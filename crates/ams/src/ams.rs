use std::{path::Path, sync::Arc, time::Duration};

use aar_daemon::{base_dir::private_dir, lock::Lock};
use aar_tls::{Certificate, Identity};
use aar_types::Clock;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Error, applications::Applications, config::Config, error::chain, events::Events,
    foundation::Foundation, identity, images::Images, operations::Operations, registry::Registry,
    settings::Settings, staging::Staging, trust::Trust,
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
    base: Foundation,
    applications: Applications,
    registry: Registry,
    identity: Identity,
    reaper: AbortOnDropHandle<()>,
    _lock: Lock,
}

impl Ams {
    /// Opens the base folder, makes what is missing in it, and starts the registry agent. One
    /// process at a time can have a base folder open.
    pub async fn open(folder: &Path, settings: Settings, clock: Clock) -> Result<Self, Error> {
        private_dir(folder)?;
        let lock = Lock::acquire(folder)?;
        let identity = identity::open(&folder.join("registry"), &clock)?;
        let base = Foundation::open(folder, &settings, clock).await?;
        let applications = Applications::open(base.clone()).await?;
        let registry = Registry::start(&base, &applications, &identity);
        let reaper = tokio::spawn(reap(base.images.clone()));
        Ok(Self(Arc::new(Inner {
            settings,
            base,
            applications,
            registry,
            identity,
            reaper: AbortOnDropHandle::new(reaper),
            _lock: lock,
        })))
    }

    /// The settings AMS was started with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Where the time of day comes from.
    pub fn clock(&self) -> &Clock {
        &self.0.base.clock
    }

    /// The configuration items.
    pub fn config(&self) -> &Config {
        &self.0.base.config
    }

    /// The trust store.
    pub fn trust(&self) -> &Trust {
        &self.0.base.trust
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
        &self.0.base.staging
    }

    /// What is done in the background.
    pub fn operations(&self) -> &Operations {
        &self.0.base.operations
    }

    /// What happens.
    pub fn events(&self) -> &Events {
        &self.0.base.events
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
        if !self.config().is_trust_password(password).await? {
            return Err(Error::WrongTrustPassword);
        }
        self.trust().add(certificate).await
    }

    /// Ends what is running, in an orderly way and within bounds, and closes the database.
    pub async fn close(&self) {
        self.0.reaper.abort();
        self.0.registry.stop().await;
        self.0.base.operations.close(DRAIN_LIMIT).await;
        self.0.base.store.close().await;
    }

    /// The door of the registry, for tests that stand in for its agent.
    #[cfg(test)]
    pub(crate) fn catalogue(&self) -> crate::registry::Catalogue {
        crate::registry::Catalogue::new(self.0.base.clone())
    }
}

/// Looks for left-over files every now and then.
async fn reap(images: Images) {
    let mut every = tokio::time::interval_at(Instant::now() + REAP_EVERY, REAP_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = images.reap().await {
            tracing::warn!(
                cause = chain(&error),
                "left-over files could not be removed"
            );
        }
    }
}
