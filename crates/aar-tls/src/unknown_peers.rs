//! The open connections of unknown peers.
//!
//! Their number is bounded, in total and for each origin. A new connection is never refused, because it may
//! belong to a peer that is about to prove that it is known: the oldest connection makes room for it. Peers
//! that have completed their handshake and are still unknown go first.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The time in which a handshake is not interrupted for another connection, unless both come from the same
/// origin. Meanwhile the other one waits to be accepted.
const GRACE: Duration = Duration::from_secs(1);
/// The interval of warnings about closed connections.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The network or the user of a peer. Connections of one origin may belong to one attacker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// An IPv4 address, or an IPv6 network.
    Network(IpAddr),
    /// A user of this machine.
    User(u32),
}

impl From<IpAddr> for Origin {
    /// An IPv4 peer has the same address on an IPv4 and on a dual-stack socket. A caller with one IPv6 address
    /// usually has the whole /64 network.
    fn from(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// The table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UnknownPeers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    most_per_origin: usize,
    table: Mutex<Table>,
    admitted: AtomicUsize,
}

#[derive(Debug, Default)]
struct Table {
    open: BTreeMap<u64, Entry>,
    warned_at: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    origin: Origin,
    cut: CancellationToken,
    since: Instant,
    is_connecting: bool,
}

impl UnknownPeers {
    /// A table for so many connections in total and for each origin.
    pub fn new(most: usize, most_per_origin: usize) -> Self {
        Self(Arc::new(Inner {
            most,
            most_per_origin,
            table: Mutex::default(),
            admitted: AtomicUsize::new(0),
        }))
    }

    /// Registers a new connection, and closes the ones whose place it takes.
    pub fn enter(&self, origin: Origin) -> Slot {
        let mut table = self.lock();
        let same = |entry: &Entry| entry.origin == origin;
        if table.count(same) >= self.0.most_per_origin {
            table.evict(same);
        }
        if table.open.len() >= self.0.most {
            table.evict(|_| true);
        }
        let (id, cut) = (
            NEXT_ID.fetch_add(1, Ordering::Relaxed),
            CancellationToken::new(),
        );
        let entry = Entry {
            origin,
            cut: cut.clone(),
            since: Instant::now(),
            is_connecting: true,
        };
        table.open.insert(id, entry);
        let is_admitted = AtomicBool::new(false);
        Slot(Arc::new(SlotInner {
            table: self.clone(),
            id,
            cut,
            is_admitted,
        }))
    }

    /// When the next connection can be accepted; `None` stands for now.
    pub fn room_at(&self) -> Option<Instant> {
        let table = self.lock();
        let mut entries = table.open.values();
        if table.open.len() < self.0.most || entries.any(|entry| !entry.is_connecting) {
            return None;
        }
        let oldest = table.open.values().next()?;
        Some(oldest.since + GRACE)
    }

    /// The number of open connections of peers that were admitted.
    pub fn admitted(&self) -> usize {
        self.0.admitted.load(Ordering::Relaxed)
    }

    pub fn count(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count(&self, is_selected: impl Fn(&Entry) -> bool) -> usize {
        let entries = self.open.values();
        entries.filter(|entry| is_selected(entry)).count()
    }

    /// Closes one of the selected connections.
    fn evict(&mut self, is_selected: impl Fn(&Entry) -> bool) {
        let selected = self.open.iter().filter(|(_, entry)| is_selected(entry));
        let first = selected.min_by_key(|(id, entry)| (entry.is_connecting, **id));
        let Some(id) = first.map(|(id, _)| *id) else {
            return;
        };
        if let Some(entry) = self.open.remove(&id) {
            entry.cut.cancel();
            self.warn(entry.origin);
        }
    }

    /// Unknown peers must not be able to fill the log.
    fn warn(&mut self, origin: Origin) {
        let now = Instant::now();
        let is_due = self
            .warned_at
            .is_none_or(|warned| now.duration_since(warned) >= WARNING_INTERVAL);
        if is_due {
            self.warned_at = Some(now);
            tracing::warn!(
                ?origin,
                open = self.open.len(),
                "connections of unknown peers are closed: too many are open"
            );
        }
    }
}

/// The place of one connection among the unknown peers, until it is admitted or all clones are dropped.
#[derive(Debug, Clone)]
pub struct Slot(Arc<SlotInner>);

#[derive(Debug)]
struct SlotInner {
    table: UnknownPeers,
    id: u64,
    cut: CancellationToken,
    is_admitted: AtomicBool,
}

impl Slot {
    /// The peer is known: the limits of unknown peers do not apply to its connection any more.
    pub fn admit(&self) {
        if !self.0.is_admitted.swap(true, Ordering::Relaxed) {
            self.0.table.0.admitted.fetch_add(1, Ordering::Relaxed);
            self.0.leave();
        }
    }

    /// Whether the peer is known.
    pub fn is_admitted(&self) -> bool {
        self.0.is_admitted.load(Ordering::Relaxed)
    }

    /// The handshake is complete: from now on the peer can only become known by a request.
    pub fn connected(&self) {
        if let Some(entry) = self.0.table.lock().open.get_mut(&self.0.id) {
            entry.is_connecting = false;
        }
    }

    /// Cancelled when the connection has to be closed.
    pub fn cut_token(&self) -> &CancellationToken {
        &self.0.cut
    }
}

impl SlotInner {
    fn leave(&self) {
        self.table.lock().open.remove(&self.id);
    }
}

impl Drop for SlotInner {
    fn drop(&mut self) {
        if *self.is_admitted.get_mut() {
            self.table.0.admitted.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Origin {
        IpAddr::from([10, 0, 0, last]).into()
    }

    fn is_cut(slot: &Slot) -> bool {
        slot.cut_token().is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn oldest_connection_of_the_same_address_makes_room() {
        let peers = UnknownPeers::new(10, 2);
        let other = peers.enter(address(1));
        let same = [peers.enter(address(2)), peers.enter(address(2))];
        let newest = peers.enter(address(2));
        assert!(is_cut(&same[0]));
        assert!(![&same[1], &newest, &other].into_iter().any(is_cut));
        assert_eq!(peers.count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn handshakes_stay_when_a_connected_stranger_can_go() {
        let peers = UnknownPeers::new(2, 2);
        let (connecting, connected) = (peers.enter(address(1)), peers.enter(address(2)));
        connected.connected();
        let _newest = peers.enter(address(3));
        assert!(is_cut(&connected) && !is_cut(&connecting));
    }

    #[tokio::test(start_paused = true)]
    async fn full_table_of_handshakes_has_room_after_the_grace() {
        let peers = UnknownPeers::new(1, 1);
        assert_eq!(peers.room_at(), None);
        let slot = peers.enter(address(1));
        assert_eq!(peers.room_at(), Some(Instant::now() + GRACE));
        slot.connected();
        assert_eq!(peers.room_at(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn admitted_peer_takes_no_room_and_is_not_cut() {
        let peers = UnknownPeers::new(1, 1);
        let known = peers.enter(address(1));
        known.admit();
        assert_eq!(peers.count(), 0);
        let _unknown = [peers.enter(address(1)), peers.enter(address(1))];
        assert!(known.is_admitted() && !is_cut(&known));
        assert_eq!(peers.admitted(), 1);
        drop(known);
        assert_eq!(peers.admitted(), 0);
    }

    #[test]
    fn addresses_of_an_ipv6_network_are_one_origin() {
        let origin = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::2"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_eq!(origin("::ffff:10.0.0.1"), origin("10.0.0.1"));
    }
}
