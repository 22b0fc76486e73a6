use std::sync::Arc;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry as Exposition,
};
use tokio::time::Instant;

use super::Label;

/// Upper bounds of durations, in seconds.
const DURATIONS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0, 60.0,
];

/// The measurements of requests to a database or a bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RequestMetrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    duration: Family<Label, Histogram, fn() -> Histogram>,
    errors: Family<Label, Counter>,
    retries: Counter,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self(Arc::new(Inner {
            duration: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            errors: Family::default(),
            retries: Counter::default(),
        }))
    }
}

impl RequestMetrics {
    /// Counts a request of this kind.
    pub(crate) fn observe<T, E>(&self, kind: &'static str, begun: Instant, ended: &Result<T, E>) {
        let label = [("kind", kind)];
        let took = begun.elapsed().as_secs_f64();
        self.0.duration.get_or_create(&label).observe(took);
        // Also 0: a rate needs a first value.
        let errors = u64::from(ended.is_err());
        self.0.errors.get_or_create(&label).inc_by(errors);
    }

    pub(crate) fn count_retry(&self) {
        self.0.retries.inc();
    }

    /// Adds durations and errors of what is called `request` here.
    pub(crate) fn register(&self, request: &str, exposition: &mut Exposition) {
        exposition.register(
            format!("{request}_duration_seconds"),
            "Time until the response",
            self.0.duration.clone(),
        );
        exposition.register(
            format!("{request}_errors"),
            "Requests without a usable response",
            self.0.errors.clone(),
        );
    }

    pub(crate) fn register_retries(&self, exposition: &mut Exposition) {
        exposition.register(
            "request_retries",
            "Requests that were repeated after a transient error",
            self.0.retries.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text;

    use super::*;

    #[test]
    fn failed_request_counts_as_request_and_as_error() {
        let metrics = RequestMetrics::default();
        metrics.observe("GET", Instant::now(), &Ok::<_, ()>(()));
        metrics.observe("GET", Instant::now(), &Err::<(), _>(()));
        metrics.count_retry();
        let mut exposition = Exposition::with_prefix("bucket");
        metrics.register("request", &mut exposition);
        metrics.register_retries(&mut exposition);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &exposition).unwrap();
        for sample in [
            "bucket_request_duration_seconds_count{kind=\"GET\"} 2\n",
            "bucket_request_errors_total{kind=\"GET\"} 1\n",
            "bucket_request_retries_total 1\n",
        ] {
            assert!(text.contains(sample), "{sample}: {text}");
        }
    }
}
