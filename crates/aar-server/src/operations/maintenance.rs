use std::sync::atomic::AtomicU64;

use aar_daemon::http::metrics::LabelPair;
use aar_registry::GcReport;
use aar_types::Clock;
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry as Exposition,
};

/// The garbage collections of this process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct GcMetrics {
    clock: Clock,
    runs: Family<LabelPair, Counter>,
    items: Counter,
    bytes: Counter,
    last_success: Gauge<u64, AtomicU64>,
}

impl GcMetrics {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            runs: Family::default(),
            items: Counter::default(),
            bytes: Counter::default(),
            last_success: Gauge::default(),
        }
    }

    pub(crate) fn count(&self, report: &GcReport) {
        self.runs.get_or_create(&[("outcome", "done")]).inc();
        self.items.inc_by(report.freed.len() as u64);
        self.bytes.inc_by(report.bytes());
        let now = self.clock.now().as_second().unsigned_abs();
        self.last_success.set(now);
    }

    pub(crate) fn count_failure(&self) {
        self.runs.get_or_create(&[("outcome", "failed")]).inc();
    }

    pub(super) fn register(&self, exposition: &mut Exposition) {
        let gc = exposition.sub_registry_with_prefix("gc");
        gc.register("runs", "Garbage collections", self.runs.clone());
        gc.register("freed_items", "Items that were freed", self.items.clone());
        gc.register("freed_bytes", "Bytes that were freed", self.bytes.clone());
        gc.register(
            "last_success_timestamp_seconds",
            "Time of the last garbage collection; 0 if there was none since the start",
            self.last_success.clone(),
        );
    }
}
