use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use aar_daemon::{base_dir::private_dir, lock::Lock, notify_ready, notify_stopping, serve_tls};
use aar_registry::Registry;
use aar_tls::{Certificate, Connections, Limits, TlsListener};
use aar_types::Clock;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Error, background::Background, control::Control, identity, maintenance, moved::Moved,
    watch::Watch,
};
use crate::{
    config::Config,
    http::{App, router},
};

/// As whom the service itself does things.
const OPERATOR: &str = "aar serve";

/// A registry that listens, ready to be run.
pub struct Server {
    base: PathBuf,
    config: Config,
    registry: Registry,
    certificate: Certificate,
    listener: TlsListener,
    control: Control,
    _lock: Lock,
}

impl Server {
    /// Opens the registry of a base folder and listens. Whatever is missing is made: folders,
    /// certificate, database.
    pub async fn start(base: &Path, config: Config, clock: Clock) -> Result<Self, Error> {
        private_dir(base)?;
        let lock = Lock::acquire(base)?;
        private_dir(&base.join("run"))?;
        let registry = Registry::open(config.registry(clock.clone())).await?;
        let operator = registry.operator(OPERATOR);
        operator.restore_revocations().await?;
        let address = resolve(&config).await?;
        let identity = identity::load(base, address.ip(), &clock)?;
        let listener = TlsListener::bind(address, &identity, Limits::default()).await?;
        Ok(Self {
            base: base.to_owned(),
            control: Control::open(base)?,
            certificate: identity.certificate().clone(),
            config,
            registry,
            listener,
            _lock: lock,
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// What it shows to whoever connects.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Serves until `stop` is cancelled, and then as long as open requests take, within the
    /// configured limit.
    pub async fn run(self, stop: CancellationToken) {
        let limit = self.config.http.drain.get();
        let app = self.app(stop.clone());
        self.announce();
        let connections = Connections::default();
        let moved = Moved::new(&self.base);
        let watch = Watch::new(self.registry.clone(), connections.clone(), moved);
        let background = Background::begin(watch, self.control);
        let operator = self.registry.operator(OPERATOR);
        let period = self.config.gc.interval.get();
        background.add(maintenance::deliver(operator.clone(), stop.clone()));
        background.add(maintenance::run(operator, period, stop.clone()));
        notify_ready();
        serve_tls(self.listener, connections, router(app.clone()), stop, limit).await;
        finish(&app, limit).await;
        background.end(limit).await;
        self.registry.close().await;
        info!("the registry has stopped");
    }

    fn app(&self, stop: CancellationToken) -> App {
        let largest = self.config.uploads.max_staged.bytes();
        App::new(self.registry.clone(), largest, stop)
    }

    fn announce(&self) {
        info!(
            address = %self.local_addr(),
            fingerprint = %self.certificate.fingerprint(),
            registry = %self.registry.id(),
            base = %self.base.display(),
            "the registry is served"
        );
    }
}

async fn resolve(config: &Config) -> Result<SocketAddr, Error> {
    let resolved = config.http.addr.resolve().await;
    resolved.map_err(|source| Error::Address {
        address: config.http.addr.to_string(),
        source,
    })
}

/// Waits for the work of callers that have hung up.
async fn finish(app: &App, limit: Duration) {
    notify_stopping();
    if timeout(limit, app.completion().finish()).await.is_err() {
        warn!("work that was begun is not done; the next start takes care of what it leaves");
    }
}
