//! Serving the API until the process is told to stop.

use std::{collections::BTreeSet, io, time::Duration};

use aar_daemon::{serve_tls, serve_unix};
use aar_tls::{Certificate, Connections, TlsListener};
use aar_types::Fingerprint;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::{
    auth::Api,
    metrics::{Metrics, MetricsListener, Transport},
    rate::Pace,
    router::router,
};
use crate::Ams;

/// The API on its listeners.
pub struct Server {
    /// AMS.
    pub ams: Ams,
    /// For callers from anywhere.
    pub https: TlsListener,
    /// For callers on this machine.
    pub unix: UnixListener,
    /// For Prometheus, where it is wanted.
    pub metrics: Option<MetricsListener>,
}

impl Server {
    /// Serves until `drain` is cancelled, then until the requests under way have ended or `limit`
    /// is over.
    pub async fn run(self, drain: CancellationToken, limit: Duration) -> io::Result<()> {
        let Self {
            ams,
            https,
            unix,
            metrics: listener,
        } = self;
        ams.config().listening_on(https.local_addr());
        let api = Api::new(ams.clone(), drain.clone())?;
        let connections = Connections::default();
        let metrics = Metrics::default();
        let remote = router(api.clone(), Some(Pace::new()), &metrics, Transport::Https);
        let local = router(api, None, &metrics, Transport::Unix);
        let serving = async {
            tokio::join!(
                serve_tls(https, connections.clone(), remote, drain.clone(), limit),
                serve_unix(unix, local, drain.clone(), limit),
                serve_metrics(listener, &ams, metrics, &drain, limit),
            )
        };
        tokio::select! {
            ((), (), ()) = serving => {}
            () = cut_removed(&ams, &connections) => {}
        }
        Ok(())
    }
}

async fn serve_metrics(
    listener: Option<MetricsListener>,
    ams: &Ams,
    metrics: Metrics,
    drain: &CancellationToken,
    limit: Duration,
) {
    if let Some(listener) = listener {
        listener
            .run(ams.clone(), metrics, drain.clone(), limit)
            .await;
    }
}

/// Cuts the connections of certificates that are removed from the trust store.
async fn cut_removed(ams: &Ams, connections: &Connections) {
    let mut changes = ams.trust().changes();
    let mut before = trusted(ams);
    while changes.changed().await.is_ok() {
        let now = trusted(ams);
        let cut = connections.cut(|shown| before.contains(shown) && !now.contains(shown));
        if cut > 0 {
            tracing::info!(
                connections = cut,
                "cut: their certificate is no longer trusted"
            );
        }
        before = now;
    }
    // AMS is gone, and nothing can change any more.
    std::future::pending::<()>().await;
}

fn trusted(ams: &Ams) -> BTreeSet<Fingerprint> {
    ams.trust()
        .list()
        .iter()
        .map(Certificate::fingerprint)
        .collect()
}
