use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What a listener allows peers that have not yet shown who they are.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
    /// How many handshakes may be under way from one address; more are turned away.
    pub handshakes_per_address: usize,
    /// How many handshakes may be under way in all; more wait to be accepted.
    pub handshakes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            handshakes_per_address: 64,
            handshakes: 512,
        }
    }
}

/// Counts the handshakes under way by address.
#[derive(Clone, Default)]
pub(crate) struct ByAddress(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl ByAddress {
    /// Takes a place for an address, unless it has as many as allowed.
    pub(crate) fn enter(&self, address: IpAddr, allowed: usize) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= allowed {
            return None;
        }
        *count += 1;
        Some(Place {
            counts: self.clone(),
            address,
        })
    }

    fn leave(&self, address: IpAddr) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

/// A handshake's place among those of its address.
pub(crate) struct Place {
    counts: ByAddress,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counts.leave(self.address);
    }
}
