use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aar_registry::{Error, Registry, TrustTable};
use aar_tls::Connections;
use aar_types::{Fingerprint, Role};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::moved_storage::MovedStorage;
use aar_types::error_chain;

/// The interval of checks for writes of other processes.
const INTERVAL: Duration = Duration::from_millis(500);

/// Reloads the state of the service after writes of other processes, and closes connections whose
/// certificates have lost trust.
pub(super) struct Watch {
    registry: Registry,
    connections: Connections,
    moved: MovedStorage,
    /// The role of each certificate at the last check of connections.
    roles: Mutex<HashMap<Fingerprint, Role>>,
    /// Whether the last reload failed.
    is_failing: AtomicBool,
}

impl Watch {
    pub(super) fn new(registry: Registry, connections: Connections, moved: MovedStorage) -> Self {
        let roles = Mutex::new(trusted_roles(&registry.trust()));
        Self {
            registry,
            connections,
            moved,
            roles,
            is_failing: AtomicBool::new(false),
        }
    }

    /// Reloads the state. If this returns true, no certificate that has lost trust has an open connection.
    pub(super) async fn refresh(&self) -> bool {
        let refreshed = self.registry.refresh().await;
        self.cut();
        let refreshed = match refreshed {
            Ok(()) => self.moved.follow(&self.registry).await,
            failed => failed,
        };
        self.log_change(refreshed)
    }

    /// Logs the beginning and the end of failures only, because reloads run twice a second.
    fn log_change(&self, refreshed: Result<(), Error>) -> bool {
        let is_done = refreshed.is_ok();
        let failed_before = self.is_failing.swap(!is_done, Ordering::Relaxed);
        match refreshed {
            Ok(()) if failed_before => info!("changes of other processes are read again"),
            Err(failure) if !failed_before => {
                error!(
                    error = error_chain(&failure),
                    "changes of other processes cannot be read"
                );
            }
            _ => {}
        }
        is_done
    }

    /// Watches for changes until the service stops.
    pub(super) async fn run(&self, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.follow_trust() => {}
            () = self.follow_commits() => {}
            () = self.refresh_regularly() => {}
        }
    }

    async fn follow_trust(&self) {
        let mut trust = self.registry.trust_changes();
        while trust.changed().await.is_ok() {
            self.cut();
        }
    }

    async fn follow_commits(&self) {
        let mut commits = self.registry.commits();
        loop {
            commits.next().await;
            self.refresh().await;
        }
    }

    /// Not every database reports commits, and a report can be lost.
    async fn refresh_regularly(&self) {
        let mut tick = interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.refresh().await;
        }
    }

    /// Closes the connections of certificates whose role is lower than at the last call.
    fn cut(&self) {
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        let now = trusted_roles(&self.registry.trust());
        let lost = |fingerprint: &Fingerprint| roles.get(fingerprint) > now.get(fingerprint);
        let count = self.connections.cut(lost);
        if count > 0 {
            info!(
                connections = count,
                "connections cut: their certificates have lost trust"
            );
        }
        *roles = now;
    }
}

fn trusted_roles(table: &TrustTable) -> HashMap<Fingerprint, Role> {
    let trusted = table
        .certificates()
        .filter(|known| table.is_trusted(&known.fingerprint));
    trusted
        .map(|known| (known.fingerprint, known.role))
        .collect()
}
