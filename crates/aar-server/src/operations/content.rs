use std::time::Duration;

use aar_registry::{Error, Registry, Status};
use aar_types::error_chain;
use prometheus_client::{metrics::gauge::ConstGauge, registry::Registry as Exposition};
use tokio::time::timeout;

use crate::http::AppState;

/// The time limit of database and storage. Prometheus drops a whole response that takes too long, also what
/// is known without them.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// The values that are read from database and storage.
#[derive(Clone)]
pub(super) struct Content {
    is_healthy: bool,
    /// `None` if they cannot be read.
    status: Option<Status>,
    undelivered: Option<u64>,
}

impl Content {
    pub(super) async fn read(registry: &Registry, state: &AppState) -> Self {
        let operator = registry.operator("aar serve");
        let (health, status, undelivered) = tokio::join!(
            timeout(TIME_LIMIT, state.health()),
            readable(operator.status()),
            readable(operator.undelivered()),
        );
        Self {
            is_healthy: health.is_ok_and(|health| health.healthy),
            status,
            undelivered,
        }
    }

    pub(super) fn register(&self, registry: &Registry, exposition: &mut Exposition) {
        let mut gauge = |name: &str, help: &str, value: u64| {
            exposition.register(name, help, ConstGauge::new(value));
        };
        gauge(
            "healthy",
            "1 if database and storage can be used",
            u64::from(self.is_healthy),
        );
        gauge(
            "revision",
            "Revision of the catalogue",
            registry.revision().0,
        );
        if let Some(undelivered) = self.undelivered {
            let help = "Descriptors that the storage does not have yet";
            gauge("outbox_entries", help, undelivered);
        }
        let Some(status) = &self.status else {
            return;
        };
        for (name, help, value) in [
            ("applications", "Applications", status.applications),
            ("versions", "Versions", status.versions),
            ("images", "Stored images", status.blobs),
            (
                "image_bytes",
                "Size of the stored images",
                status.blob_bytes,
            ),
            (
                "reclaimable_bytes",
                "Size of the images without a version",
                status.unreferenced_bytes,
            ),
            ("uploads", "Open uploads", status.uploads),
            (
                "staged_bytes",
                "Received bytes of open uploads",
                status.staged_bytes,
            ),
            (
                "revoked_certificates",
                "Revoked certificates",
                status.revoked,
            ),
        ] {
            gauge(name, help, value);
        }
        if let Some(free) = status.free_bytes {
            gauge(
                "storage_free_bytes",
                "Free space of the volume of the images",
                free,
            );
        }
    }
}

/// A result in time, if there is one.
async fn readable<T>(read: impl Future<Output = Result<T, Error>>) -> Option<T> {
    match timeout(TIME_LIMIT, read).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            tracing::debug!(error = error_chain(&error), "metrics cannot be read");
            None
        }
        Err(_) => None,
    }
}
