//! What Prometheus may know: how the API is used, and how the registry agent is doing.
//!
//! The names and labels of the API's measurements are those that dashboards in the field look for.
//! They are counted whether or not anybody reads them; they are served on a listener of their own
//! ([`MetricsListener`]) where the settings name one.

mod agent;
mod handler;
mod listener;
mod observe;
mod text;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use text::Text;

use crate::histogram::Histogram;

pub use listener::MetricsListener;
pub(super) use observe::observe;

/// Bounds for times, in seconds.
const DURATIONS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0,
];
/// Bounds for sizes, in bytes.
const SIZES: &[f64] = &[100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/// Over what a request came.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transport {
    Https,
    Unix,
}

/// The measurements of the API. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    in_flight: AtomicI64,
    handlers: Mutex<BTreeMap<Handler, Measured>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Handler {
    name: String,
    method: String,
}

#[derive(Debug)]
struct Measured {
    by_status: BTreeMap<u16, u64>,
    duration: Histogram,
    request_size: Histogram,
    response_size: Histogram,
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            by_status: BTreeMap::new(),
            duration: Histogram::new(DURATIONS),
            request_size: Histogram::new(SIZES),
            response_size: Histogram::new(SIZES),
        }
    }
}

/// One of the histograms.
type Part = fn(&Measured) -> &Histogram;

/// One request, as it went.
#[derive(Debug)]
struct Served {
    handler: Handler,
    status: u16,
    took: Duration,
    request_size: Option<u64>,
    response_size: Option<u64>,
}

/// Counted as being processed for as long as it lives.
struct InFlight(Metrics);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    fn enter(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "sizes of many petabytes may be off by a few bytes"
    )]
    fn record(&self, served: Served) {
        let handlers = self.0.handlers.lock();
        let mut handlers = handlers.unwrap_or_else(PoisonError::into_inner);
        let measured = handlers.entry(served.handler).or_default();
        *measured.by_status.entry(served.status).or_default() += 1;
        measured.duration.add(served.took.as_secs_f64());
        measured
            .request_size
            .add(served.request_size.unwrap_or(0) as f64);
        if let Some(size) = served.response_size {
            measured.response_size.add(size as f64);
        }
    }

    /// Writes everything that was measured.
    fn write(&self, text: &mut Text) {
        let in_flight = self.0.in_flight.load(Ordering::Relaxed);
        text.gauge(
            "ams_http_in_flight_requests",
            "HTTP requests being processed",
            in_flight,
        );
        let handlers = self.0.handlers.lock();
        let handlers = handlers.unwrap_or_else(PoisonError::into_inner);
        text.describe(
            "ams_http_requests_total",
            "HTTP requests answered",
            "counter",
        );
        for (handler, measured) in &*handlers {
            for (status, count) in &measured.by_status {
                let code = status.to_string();
                let labels = [
                    ("code", &*code),
                    ("handler", &handler.name),
                    ("method", &handler.method),
                ];
                text.sample("ams_http_requests_total", &labels, count);
            }
        }
        let histograms: [(_, _, Part); 3] = [
            (
                "ams_http_request_duration_seconds",
                "Time until the answer began",
                |m| &m.duration,
            ),
            ("ams_http_request_size_bytes", "Size of requests", |m| {
                &m.request_size
            }),
            ("ams_http_response_size_bytes", "Size of answers", |m| {
                &m.response_size
            }),
        ];
        for (name, help, of) in histograms {
            text.describe(name, help, "histogram");
            for (handler, measured) in &*handlers {
                let labels = [("handler", &*handler.name), ("method", &handler.method)];
                text.histogram(name, &labels, of(measured));
            }
        }
    }
}
