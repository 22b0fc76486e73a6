//! The measurements of the registry, as Prometheus reads them.

use prometheus_client::registry::Registry as Exposition;

use crate::Registry;

impl Registry {
    /// Adds the measurements to an exposition, which has the name of the program as its prefix.
    pub fn register_metrics(&self, exposition: &mut Exposition) {
        self.inner.refused.register(exposition);
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
