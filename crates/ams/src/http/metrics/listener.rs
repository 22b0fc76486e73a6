use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use aar_daemon::{
    http::metrics::{HttpMetrics, exposition},
    operations::{BasicCredentials, OperationsListener, require_credentials},
};
use aar_types::error_chain;
use axum::{Router, extract::State, response::Response, routing::get};
use prometheus_client::{metrics::gauge::ConstGauge, registry::Registry};
use tokio_util::sync::CancellationToken;

use super::agent;
use crate::{Ams, Error, http::error::ApiError, settings::PrometheusSettings};

pub struct MetricsListener {
    listener: OperationsListener,
    labels: BTreeMap<String, String>,
    credentials: Option<BasicCredentials>,
}

#[derive(Clone)]
struct MetricsState {
    ams: Ams,
    metrics: HttpMetrics,
    labels: BTreeMap<String, String>,
}

impl MetricsListener {
    /// Listens on the configured address, if there is one.
    pub async fn bind(settings: &PrometheusSettings) -> Result<Option<Self>, Error> {
        let Some(address) = settings.listen_address else {
            return Ok(None);
        };
        let identity = settings.identity()?;
        let listener = OperationsListener::bind(address, identity.as_ref()).await;
        let cannot_serve = |error: aar_tls::Error| {
            Error::Setting(format!("cannot serve metrics: {}", error_chain(&error)))
        };
        Ok(Some(Self {
            listener: listener.map_err(cannot_serve)?,
            labels: settings.extra_labels.clone(),
            credentials: BasicCredentials::new(
                settings.username.as_deref(),
                settings.password.as_deref(),
            ),
        }))
    }

    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `drain` is cancelled.
    pub(in crate::http) async fn run(
        self,
        ams: Ams,
        metrics: HttpMetrics,
        drain: CancellationToken,
        limit: Duration,
    ) {
        let Self {
            listener,
            labels,
            credentials,
        } = self;
        let state = MetricsState {
            ams,
            metrics,
            labels,
        };
        let router = Router::new()
            .route("/metrics", get(show))
            .route("/internal/1.0/metrics", get(show));
        let router = require_credentials(router, credentials).with_state(state);
        listener.run(router, drain, limit).await;
    }
}

async fn show(State(state): State<MetricsState>) -> Result<Response, ApiError> {
    let labels = state.labels.clone().into_iter();
    let mut registry =
        Registry::with_labels(labels.map(|(name, value)| (name.into(), value.into())));
    let prefixed = registry.sub_registry_with_prefix("ams");
    state.metrics.register(prefixed);
    let applications = state.ams.applications().count().await?;
    prefixed.register(
        "cluster_applications_total",
        "Number of applications",
        ConstGauge::new(applications),
    );
    let agent = state.ams.registry();
    let prefixed = prefixed.sub_registry_with_prefix("registry");
    agent::register_status(&agent.status().await?, prefixed);
    agent::register_metrics(agent.metrics(), prefixed);
    Ok(exposition(&registry))
}
