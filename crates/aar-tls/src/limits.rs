use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Limits for peers before they are identified.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest duration of a handshake.
    pub handshake_timeout: Duration,
    /// Concurrent handshakes from one address; further connections are closed.
    pub handshakes_per_address: usize,
    /// Concurrent handshakes in total; further connections wait to be accepted.
    pub handshakes: usize,
    /// Whether peers may use TLS 1.2, besides TLS 1.3.
    pub allow_tls12: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            handshakes_per_address: 64,
            handshakes: 512,
            allow_tls12: false,
        }
    }
}

/// Counts concurrent handshakes by address.
#[derive(Clone, Default)]
pub(crate) struct HandshakeCounts(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl HandshakeCounts {
    /// Counts one more handshake, unless the address has reached its limit.
    pub(crate) fn acquire(&self, address: IpAddr, limit: usize) -> Option<HandshakePermit> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(HandshakePermit {
            counts: self.clone(),
            address,
        })
    }

    fn release(&self, address: IpAddr) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

/// Counts a handshake until it is dropped.
pub(crate) struct HandshakePermit {
    counts: HandshakeCounts,
    address: IpAddr,
}

impl Drop for HandshakePermit {
    fn drop(&mut self) {
        self.counts.release(self.address);
    }
}
