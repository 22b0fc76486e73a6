use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use aar_daemon::{
    http::metrics::{HttpMetrics, exposition},
    serve::UNKNOWN_LOCAL_PEERS,
    serve_plain, serve_tls,
};
use aar_tls::{Connections, Limits, Peer, TlsListener};
use aar_types::Digest;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use headers::{Authorization, HeaderMapExt, authorization::Basic};
use prometheus_client::{metrics::gauge::ConstGauge, registry::Registry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::agent;
use crate::{Ams, Error, http::error::ApiError, settings::PrometheusSettings};

/// Serves metrics to Prometheus.
pub struct MetricsListener {
    socket: MetricsSocket,
    labels: BTreeMap<String, String>,
    /// The hash of the expected credentials; none if everyone may read.
    credentials: Option<Digest>,
}

enum MetricsSocket {
    Plain(TcpListener),
    Tls(Box<TlsListener>),
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
        let socket = match settings.identity()? {
            None => MetricsSocket::Plain(bind(address).await?),
            Some(identity) => {
                // Readers of metrics are not known by a certificate, but they are few.
                let limits = Limits {
                    unknown_peers: UNKNOWN_LOCAL_PEERS,
                    unknown_peers_per_address: UNKNOWN_LOCAL_PEERS / Limits::ADDRESS_SHARE,
                    ..Limits::default()
                };
                let listener = TlsListener::bind(address, &identity, limits);
                MetricsSocket::Tls(Box::new(listener.await?))
            }
        };
        let PrometheusSettings {
            username, password, ..
        } = settings;
        let is_protected = username.is_some() || password.is_some();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let credentials = is_protected.then(|| hash(&text(username), &text(password)));
        Ok(Some(Self {
            socket,
            labels: settings.extra_labels.clone(),
            credentials,
        }))
    }

    /// The listen address.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        match &self.socket {
            MetricsSocket::Plain(listener) => Ok(listener.local_addr()?),
            MetricsSocket::Tls(listener) => Ok(listener.local_addr()),
        }
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
            socket,
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
            .route("/internal/1.0/metrics", get(show))
            .layer(from_fn_with_state(credentials, authenticate))
            .with_state(state);
        match socket {
            MetricsSocket::Tls(listener) => {
                let (connections, is_known) = (Connections::default(), Arc::new(|_: &Peer| false));
                serve_tls(*listener, connections, is_known, router, drain, limit).await;
            }
            MetricsSocket::Plain(listener) => {
                // A stop does not wait for reads of metrics.
                serve_plain(listener, router, drain).await;
            }
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Error::Setting(format!("cannot serve metrics on {address}: {error}")))
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

async fn authenticate(
    State(credentials): State<Option<Digest>>,
    request: Request,
    next: Next,
) -> Response {
    if credentials.is_none_or(|expected| shown(request.headers()) == Some(expected)) {
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"metrics\"")];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}

fn shown(headers: &HeaderMap) -> Option<Digest> {
    let Authorization(basic) = headers.typed_get::<Authorization<Basic>>()?;
    Some(hash(basic.username(), basic.password()))
}

/// Comparing hashes takes no secret-dependent time: how far two hashes agree says nothing about the
/// credentials.
fn hash(username: &str, password: &str) -> Digest {
    aar_fs::digest_of(format!("{username}:{password}").as_bytes())
}
