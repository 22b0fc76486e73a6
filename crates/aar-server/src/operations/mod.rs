//! The operations listener: metrics for Prometheus, and probes.
//!
//! Probes need no credentials: they show what `GET /1.0/status` shows to everyone.

mod certificates;
mod connections;
mod content;
mod maintenance;

use std::{collections::BTreeMap, sync::Arc};

use aar_daemon::{
    http::metrics::{HttpMetrics, exposition},
    operations::{BasicCredentials, require_credentials},
};
use aar_registry::Registry;
use aar_tls::Certificate;
use aar_types::Clock;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::registry::Registry as Exposition;

pub(crate) use connections::Listening;
use content::Content;
pub(crate) use maintenance::GcMetrics;

use crate::http::{AppState, Cached};

/// The parts of the service that the listener reports.
pub(crate) struct Operations {
    pub(crate) registry: Registry,
    pub(crate) state: AppState,
    pub(crate) http: HttpMetrics,
    pub(crate) listening: Listening,
    pub(crate) gc: GcMetrics,
    /// The certificate of the registry.
    pub(crate) certificate: Certificate,
    pub(crate) clock: Clock,
    pub(crate) labels: BTreeMap<String, String>,
}

struct OperationsState {
    operations: Operations,
    content: Cached<Content>,
}

/// The routes. Reading metrics requires the credentials.
pub(crate) fn router(operations: Operations, credentials: Option<BasicCredentials>) -> Router {
    let metrics = Router::new().route("/metrics", get(metrics));
    let state = OperationsState {
        operations,
        content: Cached::default(),
    };
    require_credentials(metrics, credentials)
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(Arc::new(state))
}

async fn metrics(State(state): State<Arc<OperationsState>>) -> Response {
    let Operations {
        registry,
        state: app,
        http,
        listening,
        gc,
        certificate,
        clock,
        labels,
    } = &state.operations;
    let content = state.content.get(|| Content::read(registry, app)).await;
    let labels = labels.clone().into_iter();
    let mut all = Exposition::with_labels(labels.map(|(name, value)| (name.into(), value.into())));
    let own = all.sub_registry_with_prefix("aar");
    http.register(own);
    registry.register_metrics(own);
    listening.register(registry, own);
    content.register(registry, own);
    gc.register(own);
    certificates::register(certificate, registry, clock.now(), own);
    exposition(&all)
}

/// The process answers.
async fn alive() -> &'static str {
    "ok\n"
}

/// Whether requests can be answered, with the reasons if not.
async fn ready(State(state): State<Arc<OperationsState>>) -> Response {
    let app = &state.operations.state;
    if app.drain().is_cancelled() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "the registry is stopping\n",
        )
            .into_response();
    }
    let health = app.health().await;
    if health.healthy {
        return "ready\n".into_response();
    }
    let lines = health.problems.iter().map(|problem| format!("{problem}\n"));
    let lines: String = lines.collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
}
