//! Whether the peer of a connection is known.

use std::{sync::Arc, time::Duration};

use aar_tls::Slot;

/// Decides whether a peer is known: whether it may do anything at all.
pub type IsKnown<P> = Arc<dyn Fn(&P) -> bool + Send + Sync>;

/// The time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    /// Until the head of the next request is complete, idle time included.
    pub head: Duration,
    /// For the body of a request: without a byte for known peers, in total for unknown ones.
    pub body: Duration,
    /// For a response of which the peer reads nothing.
    pub write: Duration,
}

impl TimeLimits {
    /// For known peers. Clients of this project keep idle connections for less, and slow links may be
    /// interrupted for a while.
    pub const KNOWN: Self = Self {
        head: Duration::from_secs(30),
        body: Duration::from_mins(2),
        write: Duration::from_mins(2),
    };
    /// For unknown peers.
    pub const UNKNOWN: Self = Self {
        head: Duration::from_secs(10),
        body: Duration::from_secs(10),
        write: Duration::from_secs(10),
    };
}

/// The peer of one connection.
pub(super) struct ConnectionPeer<P> {
    pub(super) peer: P,
    slot: Slot,
    is_known: IsKnown<P>,
}

impl<P> ConnectionPeer<P> {
    /// A peer that is known at once leaves the unknown peers.
    pub(super) fn new(peer: P, slot: Slot, is_known: IsKnown<P>) -> Self {
        Self {
            peer,
            slot,
            is_known,
        }
    }

    /// Whether the peer is known by now: an unknown one may have been trusted meanwhile.
    pub(super) fn is_known(&self) -> bool {
        if !self.slot.is_admitted() && (self.is_known)(&self.peer) {
            self.slot.admit();
        }
        self.slot.is_admitted()
    }

    /// A handler has authorised the peer in its own way, for example by a token.
    pub(super) fn admit(&self) {
        self.slot.admit();
    }
}
