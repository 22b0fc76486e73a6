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

use super::moved::Moved;
use crate::causes::chain;

/// How often to look whether another process has written.
const PERIOD: Duration = Duration::from_millis(500);

/// Keeps the running service in step with what is written, and carries every loss of trust to the
/// connections that are open.
pub(super) struct Watch {
    registry: Registry,
    connections: Connections,
    moved: Moved,
    /// What each certificate could do when the connections were last looked at.
    seen: Mutex<HashMap<Fingerprint, Role>>,
    /// Whether the last look at what is written failed.
    failing: AtomicBool,
}

impl Watch {
    pub(super) fn new(registry: Registry, connections: Connections, moved: Moved) -> Self {
        let seen = Mutex::new(roles(&registry.trust()));
        Self {
            registry,
            connections,
            moved,
            seen,
            failing: AtomicBool::new(false),
        }
    }

    /// Takes over what another process has written. When this returns true, nobody who lost trust
    /// by it has a connection any more.
    pub(super) async fn refresh(&self) -> bool {
        let refreshed = self.registry.refresh().await;
        self.cut();
        let refreshed = match refreshed {
            Ok(()) => self.moved.follow(&self.registry).await,
            failed => failed,
        };
        self.note(refreshed)
    }

    /// Logs the beginning and the end of a failure: this is asked for twice a second.
    fn note(&self, refreshed: Result<(), Error>) -> bool {
        let done = refreshed.is_ok();
        let failed_before = self.failing.swap(!done, Ordering::Relaxed);
        match refreshed {
            Ok(()) if failed_before => info!("changes of other processes can be read again"),
            Err(failure) if !failed_before => {
                error!(
                    error = chain(&failure),
                    "changes of other processes cannot be read"
                );
            }
            _ => {}
        }
        done
    }

    /// Follows changes of trust until the service stops.
    pub(super) async fn follow(&self, stop: CancellationToken) {
        let mut trust = self.registry.trust_changes();
        let mut tick = interval(PERIOD);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = trust.changed() => match changed {
                    Ok(()) => self.cut(),
                    Err(_) => return,
                },
                _ = tick.tick() => {
                    self.refresh().await;
                }
            }
        }
    }

    /// Cuts the connections of certificates that may do less than when this was last called.
    fn cut(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = roles(&self.registry.trust());
        let lost = |fingerprint: &Fingerprint| seen.get(fingerprint) > now.get(fingerprint);
        let count = self.connections.cut(lost);
        if count > 0 {
            info!(
                connections = count,
                "connections were cut: their certificates lost trust"
            );
        }
        *seen = now;
    }
}

fn roles(table: &TrustTable) -> HashMap<Fingerprint, Role> {
    let trusted = table
        .certificates()
        .filter(|known| table.is_trusted(&known.fingerprint));
    trusted
        .map(|known| (known.fingerprint, known.role))
        .collect()
}
