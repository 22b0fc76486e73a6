use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aar_daemon::{
    IsKnown, connection_limits, http::metrics::HttpMetrics, lock::Lock, notify_ready,
    notify_stopping, operations::OperationsListener, serve_tls,
};
use aar_fs::create_private_folder;
use aar_registry::Registry;
use aar_tls::{Certificate, Connections, Identity, Peer, TlsListener};
use aar_types::Clock;
use axum::Router;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Error, background::Background, control::ControlSocket, identity, imported_trust::ImportedTrust,
    maintenance, moved_storage::MovedStorage, watch::Watch,
};
use crate::{
    config::{Config, ListenAddress, OperationsConfig, StorageConfig},
    http::{AppState, router},
    operations::{self, GcMetrics, Listening, Operations},
};

/// The name of the service in the audit log.
const OPERATOR: &str = "aar serve";

/// A registry that listens and is ready to run.
pub struct Server {
    base: PathBuf,
    config: Config,
    clock: Clock,
    registry: Registry,
    imported_trust: ImportedTrust,
    certificate: Certificate,
    listener: TlsListener,
    control: ControlSocket,
    operations: Option<OperationsListener>,
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
        let lock = Lock::acquire(base, "registry")?;
        create_private_folder(&base.join("run"))?;
        let address = resolve(&config.http.addr).await?;
        let identity = identity::load(base, address.ip(), &clock)?;
        let storage_lock = lock_shared_folder(&config)?;
        let registry = Registry::open(config.registry(clock.clone())?).await?;
        let operator = registry.operator(OPERATOR);
        operator.restore_revocations().await?;
        let imported_trust = ImportedTrust::new(base, operator);
        imported_trust.update().await;
        let listener = TlsListener::bind(address, &identity, connection_limits()).await?;
        let operations = bind_operations(&config.operations).await?;
        Ok(Self {
            base: base.to_owned(),
            control: ControlSocket::open(base)?,
            certificate: identity.certificate().clone(),
            config,
            clock,
            registry,
            imported_trust,
            listener,
            operations,
            _lock: lock,
            _storage_lock: storage_lock,
        })
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// The address of the listener for metrics and probes, if there is one.
    pub fn operations_addr(&self) -> Option<SocketAddr> {
        self.operations.as_ref()?.local_addr().ok()
    }

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
        let (http, gc) = (HttpMetrics::default(), GcMetrics::new(self.clock.clone()));
        let router = router(state.clone(), self.operations.as_ref().map(|_| &http));
        let operations = self.operations_router(&state, http, gc.clone());
        let connections = Connections::default();
        let moved = MovedStorage::new(&self.base);
        let watch = Watch::new(self.registry.clone(), connections.clone(), moved);
        let background = Background::start(watch, self.control);
        if let Some(listener) = self.operations {
            background.add_until_stop(|stop| listener.run(operations, stop, limit));
        }
        let operator = self.registry.operator(OPERATOR);
        let period = self.config.gc.interval.get();
        background.add(maintenance::deliver(operator.clone(), stop.clone()));
        background.add(self.imported_trust.run(stop.clone()));
        background.add(maintenance::run(operator, gc, period, stop.clone()));
        notify_ready();
        serve_tls(self.listener, connections, is_known, router, stop, limit).await;
        finish(&state, limit).await;
        background.stop(limit).await;
        self.registry.close().await;
        info!("registry stopped");
    }

    fn app_state(&self, stop: CancellationToken) -> AppState {
        let max_upload = self.config.uploads.max_staged.bytes();
        AppState::new(self.registry.clone(), max_upload, stop)
    }

    fn operations_router(&self, state: &AppState, http: HttpMetrics, gc: GcMetrics) -> Router {
        let operations = Operations {
            registry: self.registry.clone(),
            state: state.clone(),
            http,
            listening: Listening::new(&self.listener),
            gc,
            certificate: self.certificate.clone(),
            clock: self.clock.clone(),
            labels: self.config.operations.extra_labels.clone(),
        };
        operations::router(operations, self.config.operations.credentials())
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
        if let Some(address) = self.operations_addr() {
            info!(%address, "metrics and probes are served");
        }
    }
}

/// Several processes may share a PostgreSQL database only if they share a bucket, too: uploads and their
/// locks in a folder are those of one process.
fn lock_shared_folder(config: &Config) -> Result<Option<Lock>, Error> {
    match &config.storage {
        StorageConfig::Fs(fs) if config.database.file().is_none() => {
            create_private_folder(&fs.root_directory)?;
            Ok(Some(Lock::acquire(&fs.root_directory, "registry")?))
        }
        _ => Ok(None),
    }
}

async fn resolve(address: &ListenAddress) -> Result<SocketAddr, Error> {
    address.resolve().await.map_err(|source| Error::Address {
        address: address.to_string(),
        source,
    })
}

/// Listens for Prometheus and probes, if it is configured.
async fn bind_operations(config: &OperationsConfig) -> Result<Option<OperationsListener>, Error> {
    let Some(address) = &config.listen_address else {
        return Ok(None);
    };
    let address = resolve(address).await?;
    let files = config.tls.as_ref();
    let identity = files.map(|files| Identity::load(&files.cert, &files.key));
    let identity = identity.transpose()?;
    let listener = OperationsListener::bind(address, identity.as_ref()).await?;
    Ok(Some(listener))
}

/// Waits for tasks whose callers have disconnected.
async fn finish(state: &AppState, limit: Duration) {
    notify_stopping();
    if timeout(limit, state.detached().finish()).await.is_err() {
        warn!("tasks did not end within the limit; the next start cleans up after them");
    }
}
