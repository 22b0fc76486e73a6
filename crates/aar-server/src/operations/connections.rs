use aar_daemon::http::metrics::{counters, gauges};
use aar_registry::Registry;
use aar_tls::{HandshakeCounts, TlsListener, UnknownPeers};
use prometheus_client::{metrics::gauge::ConstGauge, registry::Registry as Exposition};

/// The connections of a listener.
pub(crate) struct Listening {
    peers: UnknownPeers,
    handshakes: HandshakeCounts,
}

impl Listening {
    pub(crate) fn new(listener: &TlsListener) -> Self {
        Self {
            peers: listener.unknown_peers(),
            handshakes: listener.handshake_counts(),
        }
    }

    pub(super) fn register(&self, registry: &Registry, exposition: &mut Exposition) {
        let connections = gauges([
            ([("state", "trusted")], self.peers.admitted() as u64),
            ([("state", "unknown")], self.peers.count() as u64),
        ]);
        exposition.register("connections", "Open connections", connections);
        let handshakes = counters([
            ([("outcome", "completed")], self.handshakes.completed()),
            ([("outcome", "failed")], self.handshakes.failed()),
        ]);
        exposition.register("handshakes", "TLS handshakes that have ended", handshakes);
        exposition.register(
            "waiting_requests",
            "Requests that wait for a change of the catalogue",
            ConstGauge::new(registry.waiting() as u64),
        );
    }
}
