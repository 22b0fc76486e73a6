use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aar_daemon::{
    IsKnown, connection_limits, lock::Lock, notify_ready, notify_stopping, serve_tls,
};
use aar_fs::create_private_folder;
use aar_registry::Registry;
use aar_tls::{Certificate, Connections, Peer, TlsListener};
use aar_types::Clock;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Error, background::Background, control::ControlSocket, identity, imported_trust::ImportedTrust,
    maintenance, moved_storage::MovedStorage, watch::Watch,
};
use crate::{
    config::{Config, StorageConfig},
    http::{AppState, router},
};

/// The name of the service in the audit log.
const OPERATOR: &str = "aar serve";

/// A registry that listens and is ready to run.
pub struct Server {
    base: PathBuf,
    config: Config,
    registry: Registry,
    imported_trust: ImportedTrust,
    certificate: Certificate,
    listener: TlsListener,
    control: ControlSocket,
    _lock: Lock,
    /// The storage, where another machine could use it at the same time.
    _storage_lock: Option<Lock>,
}

impl Server {
    /// Opens the registry of a base folder and listens. Missing folders, certificate and database are
    /// created. The certificate comes first: `aar status` succeeds as soon as the database exists, and
    /// scripts that wait for it read the certificate next.
    pub async fn start(base: &Path, config: Config, clock: Clock) -> Result<Self, Error> {
        create_private_folder(base)?;
        let lock = Lock::acquire(base)?;
        create_private_folder(&base.join("run"))?;
        let address = resolve(&config).await?;
        let identity = identity::load(base, address.ip(), &clock)?;
        let storage_lock = lock_shared_folder(&config)?;
        let registry = Registry::open(config.registry(clock.clone())?).await?;
        let operator = registry.operator(OPERATOR);
        operator.restore_revocations().await?;
        let imported_trust = ImportedTrust::new(base, operator);
        imported_trust.update().await;
        let listener = TlsListener::bind(address, &identity, connection_limits()).await?;
        Ok(Self {
            base: base.to_owned(),
            control: ControlSocket::open(base)?,
            certificate: identity.certificate().clone(),
            config,
            registry,
            imported_trust,
            listener,
            _lock: lock,
            _storage_lock: storage_lock,
        })
    }

    /// The listen address.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Serves until `stop` is cancelled, then until the requests in flight have ended, for the configured
    /// time at most.
    pub async fn run(self, stop: CancellationToken) {
        let limit = self.config.http.drain.get();
        let state = self.app_state(stop.clone());
        self.log_start();
        let is_known = self.known_peers();
        let connections = Connections::default();
        let moved = MovedStorage::new(&self.base);
        let watch = Watch::new(self.registry.clone(), connections.clone(), moved);
        let background = Background::start(watch, self.control);
        let operator = self.registry.operator(OPERATOR);
        let period = self.config.gc.interval.get();
        background.add(maintenance::deliver(operator.clone(), stop.clone()));
        background.add(self.imported_trust.run(stop.clone()));
        background.add(maintenance::run(operator, period, stop.clone()));
        notify_ready();
        serve_tls(
            self.listener,
            connections,
            is_known,
            router(state.clone()),
            stop,
            limit,
        )
        .await;
        finish(&state, limit).await;
        background.stop(limit).await;
        self.registry.close().await;
        info!("registry stopped");
    }

    fn app_state(&self, stop: CancellationToken) -> AppState {
        let max_upload = self.config.uploads.max_staged.bytes();
        AppState::new(self.registry.clone(), max_upload, stop)
    }

    /// Peers are known whose certificate is trusted.
    fn known_peers(&self) -> IsKnown<Peer> {
        let registry = self.registry.clone();
        Arc::new(move |peer: &Peer| registry.role_of(peer.fingerprint().as_ref()).is_ok())
    }

    fn log_start(&self) {
        info!(
            address = %self.local_addr(),
            fingerprint = %self.certificate.fingerprint(),
            registry = %self.registry.id(),
            base = %self.base.display(),
            "registry started"
        );
    }
}

/// Several processes may share a PostgreSQL database only if they share a bucket, too: uploads and their
/// locks in a folder are those of one process.
fn lock_shared_folder(config: &Config) -> Result<Option<Lock>, Error> {
    match &config.storage {
        StorageConfig::Fs(fs) if config.database.file().is_none() => {
            create_private_folder(&fs.root_directory)?;
            Ok(Some(Lock::acquire(&fs.root_directory)?))
        }
        _ => Ok(None),
    }
}

async fn resolve(config: &Config) -> Result<SocketAddr, Error> {
    let resolved = config.http.addr.resolve().await;
    resolved.map_err(|source| Error::Address {
        address: config.http.addr.to_string(),
        source,
    })
}

/// Waits for tasks whose callers have disconnected.
async fn finish(state: &AppState, limit: Duration) {
    notify_stopping();
    if timeout(limit, state.detached().finish()).await.is_err() {
        warn!("tasks did not end within the limit; the next start cleans up after them");
    }
}
