use std::{path::Path, sync::Arc, time::Duration};

use aar_daemon::lock::Lock;
use aar_tls::{Certificate, Identity, host_names};
use aar_types::{Clock, error_chain};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Error, applications::Applications, config::Config, events::Events, identity, images::Images,
    operations::Operations, registry::RegistrySync, services::Services, settings::Settings,
    staging::Staging, trust::Trust,
};

/// How often unused files are removed.
const REAP_EVERY: Duration = Duration::from_hours(1);
/// How long operations may take when AMS stops.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// The application half of the management service: everything that the API offers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ams(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    services: Services,
    applications: Applications,
    registry: RegistrySync,
    identity: Identity,
    reaper: AbortOnDropHandle<()>,
    _lock: Lock,
}

impl Ams {
    /// Opens the base folder, creates what is missing in it, and starts the registry agent. Only
    /// one process at a time can open a base folder.
    pub async fn open(folder: &Path, settings: Settings, clock: Clock) -> Result<Self, Error> {
        aar_fs::create_private_folder(folder)?;
        let lock = Lock::acquire(folder, "AMS")?;
        let identity = registry_identity(&folder.join("registry"), &clock)?;
        let services = Services::open(folder, &settings, clock).await?;
        let applications = Applications::open(services.clone()).await?;
        let registry = RegistrySync::start(&services, &applications, &identity);
        let reaper = tokio::spawn(reap(services.images.clone()));
        Ok(Self(Arc::new(Inner {
            settings,
            services,
            applications,
            registry,
            identity,
            reaper: AbortOnDropHandle::new(reaper),
            _lock: lock,
        })))
    }

    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub fn clock(&self) -> &Clock {
        &self.0.services.clock
    }

    pub fn config(&self) -> &Config {
        &self.0.services.config
    }

    pub fn trust(&self) -> &Trust {
        &self.0.services.trust
    }

    pub fn applications(&self) -> &Applications {
        &self.0.applications
    }

    pub fn registry(&self) -> &RegistrySync {
        &self.0.registry
    }

    pub fn staging(&self) -> &Staging {
        &self.0.services.staging
    }

    pub fn operations(&self) -> &Operations {
        &self.0.services.operations
    }

    pub fn events(&self) -> &Events {
        &self.0.services.events
    }

    /// The client certificate for the registry.
    pub fn registry_identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Adds the certificate of a client that knows the trust password to the trust store.
    pub async fn enrol(&self, certificate: &Certificate, password: &str) -> Result<(), Error> {
        if !self.config().is_trust_password(password).await? {
            return Err(Error::WrongTrustPassword);
        }
        self.trust().add(certificate).await
    }

    /// Stops the agent and all operations within a time limit, and closes the database.
    pub async fn close(&self) {
        self.0.reaper.abort();
        self.0.registry.stop().await;
        self.0.services.operations.close(DRAIN_LIMIT).await;
        self.0.services.store.close().await;
    }

    /// For tests that take the part of the registry agent.
    #[cfg(test)]
    pub(crate) fn catalogue(&self) -> crate::registry::AgentCatalogue {
        crate::registry::AgentCatalogue::new(self.0.services.clone())
    }
}

fn registry_identity(folder: &Path, clock: &Clock) -> Result<Identity, Error> {
    let hosts = host_names(None);
    let common_name = hosts.first().map_or("ams", String::as_str).to_owned();
    identity::load_or_create(folder, "client", common_name, hosts, clock)
}

async fn reap(images: Images) {
    let mut every = tokio::time::interval_at(Instant::now() + REAP_EVERY, REAP_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = images.reap().await {
            tracing::warn!(
                cause = error_chain(&error),
                "cannot remove unused files; retrying within an hour"
            );
        }
    }
}
