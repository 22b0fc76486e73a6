use std::{collections::BTreeMap, future::IntoFuture, net::SocketAddr, time::Duration};

use aar_daemon::serve_tls;
use aar_tls::{Connections, Limits, TlsListener};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Metrics, agent, text::Text};
use crate::{Ams, Error, http::error::ApiError, settings::PrometheusSettings};

/// Serves measurements to Prometheus.
pub struct MetricsListener {
    socket: Socket,
    labels: BTreeMap<String, String>,
    /// The hash of what the header has to say, where credentials are asked for.
    credentials: Option<[u8; 32]>,
}

enum Socket {
    Plain(TcpListener),
    Tls(Box<TlsListener>),
}

/// What is measured, for whoever may read it.
#[derive(Clone)]
struct Source {
    ams: Ams,
    metrics: Metrics,
    labels: BTreeMap<String, String>,
}

impl MetricsListener {
    /// Begins to listen, if the settings say where.
    pub async fn bind(settings: &PrometheusSettings) -> Result<Option<Self>, Error> {
        let Some(address) = settings.listen_address else {
            return Ok(None);
        };
        let socket = match settings.identity()? {
            None => Socket::Plain(bind(address).await?),
            Some(identity) => {
                let listener = TlsListener::bind(address, &identity, Limits::default());
                Socket::Tls(Box::new(listener.await?))
            }
        };
        let named = settings.username.is_some() || settings.password.is_some();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let pair = format!("{}:{}", text(&settings.username), text(&settings.password));
        Ok(Some(Self {
            socket,
            labels: settings.extra_labels.clone(),
            credentials: named.then(|| Sha256::digest(pair).into()),
        }))
    }

    /// The address that is listened on.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        match &self.socket {
            Socket::Plain(listener) => Ok(listener.local_addr()?),
            Socket::Tls(listener) => Ok(listener.local_addr()),
        }
    }

    /// Serves until `drain` is cancelled.
    pub(in crate::http) async fn run(
        self,
        ams: Ams,
        metrics: Metrics,
        drain: CancellationToken,
        limit: Duration,
    ) {
        let Self {
            socket,
            labels,
            credentials,
        } = self;
        let source = Source {
            ams,
            metrics,
            labels,
        };
        let router = Router::new()
            .route("/metrics", get(show))
            .route("/internal/1.0/metrics", get(show))
            .layer(from_fn_with_state(credentials, check))
            .with_state(source);
        match socket {
            Socket::Tls(listener) => {
                serve_tls(*listener, Connections::default(), router, drain, limit).await;
            }
            Socket::Plain(listener) => {
                // Reading measurements is never worth waiting for.
                let serving = axum::serve(listener, router).into_future();
                drain.run_until_cancelled(serving).await;
            }
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Error::Setting(format!("cannot serve metrics on {address}: {error}")))
}

async fn show(State(source): State<Source>) -> Result<Response, ApiError> {
    let mut text = Text::new(&source.labels);
    source.metrics.write(&mut text);
    let applications = source.ams.applications().count().await?;
    text.gauge(
        "ams_cluster_applications_total",
        "Number of applications",
        applications,
    );
    let registry = source.ams.registry();
    agent::write(&registry.status().await?, &mut text);
    agent::write_metrics(&registry.metrics(), &mut text);
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((kind, text.finish()).into_response())
}

async fn check(
    State(credentials): State<Option<[u8; 32]>>,
    request: Request,
    next: Next,
) -> Response {
    if credentials.is_none_or(|expected| shown(request.headers()) == Some(expected)) {
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"metrics\"")];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}

/// The hash of the credentials that a request shows. Hashes may be compared in any time: how far
/// two of them agree says nothing about what they were made of.
fn shown(headers: &HeaderMap) -> Option<[u8; 32]> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, pair) = value.split_once(' ')?;
    let pair = BASE64_STANDARD.decode(pair.trim()).ok()?;
    scheme
        .eq_ignore_ascii_case("basic")
        .then(|| Sha256::digest(pair).into())
}
