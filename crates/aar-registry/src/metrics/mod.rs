//! Measurements of the registry, for Prometheus. They count since the start of the process.

mod requests;

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry as Exposition,
};

pub(crate) use requests::RequestMetrics;

use crate::{Refusal, Registry};

type Label = [(&'static str, &'static str); 1];

/// The refused requests by reason.
#[derive(Debug, Default)]
pub(crate) struct RefusalMetrics(Family<Label, Counter>);

impl RefusalMetrics {
    pub(crate) fn count(&self, refusal: Refusal) {
        let reason = [("reason", refusal.code().as_str())];
        self.0.get_or_create(&reason).inc();
    }
}

impl Registry {
    /// Adds the measurements to an exposition, which has the name of the program as its prefix.
    pub fn register_metrics(&self, exposition: &mut Exposition) {
        exposition.register(
            "refusals",
            "Requests that were refused for want of permission",
            self.inner.refused.0.clone(),
        );
        let database = exposition.sub_registry_with_prefix("database");
        self.metadata().metrics().register("statement", database);
        let bucket = exposition.sub_registry_with_prefix("bucket");
        if let Some(metrics) = self.storage().metrics() {
            metrics.register("request", bucket);
            metrics.register_retries(bucket);
        }
    }

    /// The number of requests that wait for a change of the catalogue.
    pub fn waiting(&self) -> usize {
        self.inner.revision.receiver_count()
    }
}
