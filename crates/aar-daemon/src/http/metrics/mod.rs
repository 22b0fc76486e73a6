//! Measurements of an HTTP API, for Prometheus.

mod handler;
mod values;

use axum::{
    body::HttpBody as _,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use tokio::time::Instant;

pub use handler::Transport;
pub use values::{LabelPair, counters, gauges};

/// Upper bounds of durations, in seconds.
const DURATIONS: [f64; 13] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0,
];
/// Upper bounds of sizes, in bytes.
const SIZES: [f64; 9] = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/// The measurements of an API. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    in_flight: Gauge,
    requests: Family<RequestLabels, Counter>,
    duration: Histograms,
    request_size: Histograms,
    response_size: Histograms,
}

type Histograms = Family<HandlerLabels, Histogram, fn() -> Histogram>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandlerLabels {
    handler: String,
    method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    code: u16,
    handler: String,
    method: String,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        let sizes = || Histograms::new_with_constructor(|| Histogram::new(SIZES));
        Self {
            in_flight: Gauge::default(),
            requests: Family::default(),
            duration: Histograms::new_with_constructor(|| Histogram::new(DURATIONS)),
            request_size: sizes(),
            response_size: sizes(),
        }
    }
}

impl HttpMetrics {
    /// Adds the measurements to a registry, which has the name of the program as its prefix.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_in_flight_requests",
            "HTTP requests being processed",
            self.in_flight.clone(),
        );
        registry.register(
            "http_requests",
            "HTTP requests answered",
            self.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time until the response began",
            self.duration.clone(),
        );
        registry.register(
            "http_request_size_bytes",
            "Size of requests",
            self.request_size.clone(),
        );
        registry.register(
            "http_response_size_bytes",
            "Size of responses",
            self.response_size.clone(),
        );
    }

    fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }
}

/// Counts a request as in flight until it is dropped: a request may be cancelled.
struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The middleware that measures a request.
pub async fn measure(
    State((metrics, transport)): State<(HttpMetrics, Transport)>,
    request: Request,
    next: Next,
) -> Response {
    let _in_flight = metrics.enter();
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let labels = handler::labels(transport, request.method(), route.map(MatchedPath::as_str));
    let request_size = content_length(request.headers()).unwrap_or(0.0);
    let response = next.run(request).await;
    let observe = |histograms: &Histograms, value| histograms.get_or_create(&labels).observe(value);
    observe(&metrics.duration, begun.elapsed().as_secs_f64());
    observe(&metrics.request_size, request_size);
    if let Some(size) = response_size(&response) {
        observe(&metrics.response_size, size);
    }
    let HandlerLabels { handler, method } = labels;
    let labels = RequestLabels {
        code: response.status().as_u16(),
        handler,
        method,
    };
    metrics.requests.get_or_create(&labels).inc();
    response
}

fn content_length(headers: &HeaderMap) -> Option<f64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    let length: u64 = length.to_str().ok()?.parse().ok()?;
    Some(to_f64(length))
}

fn response_size(response: &Response) -> Option<f64> {
    let exact = || response.body().size_hint().exact().map(to_f64);
    content_length(response.headers()).or_else(exact)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes of many petabytes may be off by a few bytes"
)]
fn to_f64(size: u64) -> f64 {
    size as f64
}

/// The response that shows a registry in the text format of Prometheus.
pub fn exposition(registry: &Registry) -> Response {
    let mut text = String::new();
    match prometheus_text::encode(&mut text, registry) {
        Ok(()) => {
            let content_type = [(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)];
            (content_type, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        body::{Body, to_bytes},
        middleware::from_fn_with_state,
        routing::{get, post},
    };
    use tower::ServiceExt;

    use super::*;

    async fn text_after(requests: Vec<Request>) -> String {
        let metrics = HttpMetrics::default();
        let router = Router::new()
            .route("/1.0/items", get(async || "ten bytes!"))
            .route("/1.0/items/{id}", post(async || StatusCode::NOT_FOUND))
            .layer(from_fn_with_state(
                (metrics.clone(), Transport::Https),
                measure,
            ));
        for request in requests {
            router.clone().oneshot(request).await.unwrap();
        }
        let mut registry = Registry::with_labels([("host".into(), "a".into())].into_iter());
        metrics.register(registry.sub_registry_with_prefix("test"));
        let response = exposition(&registry);
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn requests_are_counted_by_route_and_status() {
        let get = || Request::get("/1.0/items").body(Body::empty()).unwrap();
        let post = Request::post("/1.0/items/a")
            .header(header::CONTENT_LENGTH, 500)
            .body(Body::empty())
            .unwrap();
        let text = text_after(vec![get(), get(), post]).await;
        let items = "handler=\"https_items_GET\",method=\"get\"";
        let item = "handler=\"https_item_POST\",method=\"post\"";
        for sample in [
            "test_http_in_flight_requests{host=\"a\"} 0\n".to_owned(),
            format!("test_http_requests_total{{host=\"a\",code=\"200\",{items}}} 2\n"),
            format!("test_http_requests_total{{host=\"a\",code=\"404\",{item}}} 1\n"),
            format!("test_http_request_duration_seconds_count{{host=\"a\",{items}}} 2\n"),
            format!("test_http_request_size_bytes_bucket{{host=\"a\",{item},le=\"100\"}} 0\n"),
            format!("test_http_request_size_bytes_bucket{{host=\"a\",{item},le=\"1000\"}} 1\n"),
            format!("test_http_response_size_bytes_sum{{host=\"a\",{items}}} 20.0\n"),
        ] {
            assert!(text.contains(&sample), "{sample}: {text}");
        }
    }

    #[tokio::test]
    async fn unknown_routes_and_methods_share_their_labels() {
        let request = |method: &str, path: &str| {
            Request::builder()
                .method(method)
                .uri(path)
                .body(Body::empty())
                .unwrap()
        };
        let requests = ["BREW", "LICK"].map(|method| request(method, "/x"));
        let text = text_after(requests.into()).await;
        let sample = "code=\"404\",handler=\"https_unknown_OPTIONS\",method=\"options\"} 2\n";
        assert!(text.contains(sample), "{text}");
    }
}
