//! The listener for the tools of operators: Prometheus, and probes.
//!
//! It requests no client certificate. Its peers stay unknown, so they get few connections and short time
//! limits.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use aar_tls::{Connections, Error, Identity, Limits, Peer, TlsListener};
use aar_types::Digest;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use headers::{Authorization, HeaderMapExt, authorization::Basic};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::serve::{UNKNOWN_LOCAL_PEERS, serve_plain, serve_tls};

/// A listener over plain HTTP or over TLS.
pub struct OperationsListener(Socket);

enum Socket {
    Plain(TcpListener),
    Tls(Box<TlsListener>),
}

impl OperationsListener {
    /// Listens over TLS if there is a certificate.
    pub async fn bind(address: SocketAddr, identity: Option<&Identity>) -> Result<Self, Error> {
        let Some(identity) = identity else {
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|source| Error::Listen { address, source })?;
            return Ok(Self(Socket::Plain(listener)));
        };
        let limits = Limits {
            unknown_peers: UNKNOWN_LOCAL_PEERS,
            unknown_peers_per_address: UNKNOWN_LOCAL_PEERS / Limits::ADDRESS_SHARE,
            ..Limits::default()
        };
        let listener = TlsListener::bind(address, identity, limits).await?;
        Ok(Self(Socket::Tls(Box::new(listener))))
    }

    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        match &self.0 {
            Socket::Plain(listener) => listener.local_addr(),
            Socket::Tls(listener) => Ok(listener.local_addr()),
        }
    }

    /// Serves until `drain` is cancelled. Over plain HTTP, requests in flight are dropped then.
    pub async fn run(self, router: Router, drain: CancellationToken, limit: Duration) {
        match self.0 {
            Socket::Plain(listener) => serve_plain(listener, router, drain).await,
            Socket::Tls(listener) => {
                let (connections, is_known) = (Connections::default(), Arc::new(|_: &Peer| false));
                serve_tls(*listener, connections, is_known, router, drain, limit).await;
            }
        }
    }
}

/// The credentials of HTTP basic authentication that a router requires, as a hash. Comparing hashes takes no
/// secret-dependent time: how far two hashes agree says nothing about the credentials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BasicCredentials(Digest);

impl BasicCredentials {
    /// `None` if neither is set: access is open.
    pub fn new(username: Option<&str>, password: Option<&str>) -> Option<Self> {
        let is_protected = username.is_some() || password.is_some();
        let (username, password) = (username.unwrap_or_default(), password.unwrap_or_default());
        is_protected.then(|| Self::of(username, password))
    }

    fn of(username: &str, password: &str) -> Self {
        Self(aar_fs::digest_of(
            format!("{username}:{password}").as_bytes(),
        ))
    }

    fn sent(headers: &HeaderMap) -> Option<Self> {
        let Authorization(basic) = headers.typed_get::<Authorization<Basic>>()?;
        Some(Self::of(basic.username(), basic.password()))
    }
}

/// Requires these credentials on all routes that the router has by now.
pub fn require_credentials<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    credentials: Option<BasicCredentials>,
) -> Router<S> {
    router.route_layer(from_fn_with_state(credentials, authenticate))
}

async fn authenticate(
    State(credentials): State<Option<BasicCredentials>>,
    request: Request,
    next: Next,
) -> Response {
    let is_allowed = credentials
        .is_none_or(|expected| BasicCredentials::sent(request.headers()) == Some(expected));
    if is_allowed {
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"metrics\"")];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}
