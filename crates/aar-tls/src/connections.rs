use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aar_types::Fingerprint;

use crate::Peer;

/// The open connections of a server. A change of trust can close them.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Mutex<HashMap<u64, Peer>>>);

impl Connections {
    /// Registers an open connection until the guard is dropped.
    #[must_use = "the connection is no longer tracked when the guard is dropped"]
    pub fn track(&self, peer: &Peer) -> ConnectionGuard {
        self.lock().insert(peer.id(), peer.clone());
        ConnectionGuard {
            connections: self.clone(),
            id: peer.id(),
        }
    }

    /// Closes the connections whose certificate is selected, and returns their number.
    pub fn cut(&self, is_selected: impl Fn(&Fingerprint) -> bool) -> usize {
        let open = self.lock();
        let mut count = 0;
        for peer in open.values() {
            if peer.fingerprint().is_some_and(|shown| is_selected(&shown)) {
                peer.cut();
                count += 1;
            }
        }
        count
    }

    /// The number of open connections.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Peer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a connection registered as open.
#[derive(Debug)]
pub struct ConnectionGuard {
    connections: Connections,
    id: u64,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
    }
}
