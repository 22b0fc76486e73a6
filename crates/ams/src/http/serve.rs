//! Serves the API until the process has to stop.

use std::{collections::BTreeSet, future, io, time::Duration};

use aar_daemon::{
    http::metrics::{HttpMetrics, Transport},
    serve_tls, serve_unix,
};
use aar_tls::{Certificate, Connections, TlsListener};
use aar_types::Fingerprint;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::{auth::AppState, metrics::MetricsListener, router::router};
use crate::Ams;

/// The API on its listeners.
pub struct Server {
    pub ams: Ams,
    /// For remote callers.
    pub https: TlsListener,
    /// For local callers.
    pub unix: UnixListener,
    /// For Prometheus, if it is configured.
    pub metrics: Option<MetricsListener>,
}

impl Server {
    /// Serves until `drain` is cancelled, then until the requests in flight have ended, for `limit` at
    /// most.
    pub async fn run(self, drain: CancellationToken, limit: Duration) -> io::Result<()> {
        let Self {
            ams,
            https,
            unix,
            metrics: listener,
        } = self;
        ams.config().listening_on(https.local_addr());
        let state = AppState::new(ams.clone(), drain.clone())?;
        let connections = Connections::default();
        let metrics = HttpMetrics::default();
        let remote = router(state.clone(), &metrics, Transport::Https);
        let local = router(state.clone(), &metrics, Transport::Unix);
        let serve_metrics = async {
            if let Some(listener) = listener {
                let drain = drain.clone();
                listener.run(ams.clone(), metrics, drain, limit).await;
            }
        };
        let serving = async {
            tokio::join!(
                serve_tls(
                    https,
                    connections.clone(),
                    state.known_peers(),
                    remote,
                    drain.clone(),
                    limit
                ),
                serve_unix(unix, state.known_users(), local, drain.clone(), limit),
                serve_metrics,
            )
        };
        tokio::select! {
            ((), (), ()) = serving => {}
            () = cut_untrusted(&ams, &connections) => {}
        }
        Ok(())
    }
}

/// Cuts the connections of certificates that are removed from the trust store.
async fn cut_untrusted(ams: &Ams, connections: &Connections) {
    let mut changes = ams.trust().changes();
    let mut before = trusted(ams);
    while changes.changed().await.is_ok() {
        let now = trusted(ams);
        let cut = connections.cut(|shown| before.contains(shown) && !now.contains(shown));
        if cut > 0 {
            tracing::info!(
                connections = cut,
                "connections cut: their certificate is no longer trusted"
            );
        }
        before = now;
    }
    // The trust store is closed and cannot change.
    future::pending::<()>().await;
}

fn trusted(ams: &Ams) -> BTreeSet<Fingerprint> {
    let certificates = ams.trust().list();
    certificates.iter().map(Certificate::fingerprint).collect()
}
