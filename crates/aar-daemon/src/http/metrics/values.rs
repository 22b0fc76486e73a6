use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};

/// A label with its value.
pub type LabelPair = [(&'static str, &'static str); 1];

/// Gauges that differ in a label.
pub fn gauges<const N: usize>(
    values: [(LabelPair, u64); N],
) -> Family<LabelPair, Gauge<u64, AtomicU64>> {
    let family = Family::<LabelPair, Gauge<u64, AtomicU64>>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
    }
    family
}

/// Counters that differ in a label.
pub fn counters<const N: usize>(values: [(LabelPair, u64); N]) -> Family<LabelPair, Counter> {
    let family = Family::<LabelPair, Counter>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).inc_by(value);
    }
    family
}
