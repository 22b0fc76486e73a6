use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aar_types::Fingerprint;

use crate::Peer;

/// The open connections of a server, so that a change of trust can cut them.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Mutex<HashMap<u64, Peer>>>);

impl Connections {
    /// Notes an open connection until the guard is dropped.
    #[must_use = "the connection is forgotten when the guard is dropped"]
    pub fn track(&self, peer: &Peer) -> Guard {
        self.lock().insert(peer.id(), peer.clone());
        Guard {
            connections: self.clone(),
            id: peer.id(),
        }
    }

    /// Cuts every connection whose certificate is unwanted, and says how many there were.
    pub fn cut(&self, unwanted: impl Fn(&Fingerprint) -> bool) -> usize {
        let open = self.lock();
        let mut count = 0;
        for peer in open.values() {
            if peer.fingerprint().is_some_and(|shown| unwanted(&shown)) {
                peer.cut();
                count += 1;
            }
        }
        count
    }

    /// How many connections are open.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Peer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a connection noted as open.
#[derive(Debug)]
pub struct Guard {
    connections: Connections,
    id: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
    }
}
