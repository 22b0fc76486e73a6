//! Measurements of the registry, for Prometheus. They count since the start of the process.

mod requests;

use aar_types::ErrorCode;
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry as Exposition,
};

pub(crate) use requests::RequestMetrics;

type Label = [(&'static str, &'static str); 1];

/// The refused requests by reason.
#[derive(Debug, Default)]
pub(crate) struct RefusalMetrics(Family<Label, Counter>);

impl RefusalMetrics {
    pub(crate) fn count(&self, code: ErrorCode) {
        let reason = [("reason", code.as_str())];
        self.0.get_or_create(&reason).inc();
    }

    pub(crate) fn register(&self, exposition: &mut Exposition) {
        exposition.register(
            "refusals",
            "Requests that were refused for want of permission",
            self.0.clone(),
        );
    }
}
