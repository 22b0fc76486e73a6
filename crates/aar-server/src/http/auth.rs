//! Authorisation: a handler reaches the registry only through the extractors of this file.
//!
//! [`AppState`] keeps the registry private. A handler must extract [`ClientCaller`] or
//! [`PublisherCaller`], which check the role; [`AnyCaller`] offers only what is public. There is no switch
//! that disables the check.

use std::{fmt::Display, sync::Arc};

use aar_registry::{Caller, Publisher, Reader, Refusal, Registry};
use aar_tls::Peer;
use aar_types::{Auth, Envelope, Fingerprint, RegistryId, Revision, Role, ServerStatus};
use axum::{
    extract::{ConnectInfo, FromRequestParts, MatchedPath},
    response::Response,
};
use http::{HeaderMap, request::Parts};
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    cached::Cached,
    catalogue::{ResponseCache, RevisionHeaders},
    detached::DetachedTasks,
    error::ApiError,
};

/// The state that all handlers share.
#[derive(Clone)]
pub(crate) struct AppState(Arc<StateInner>);

struct StateInner {
    registry: Registry,
    responses: ResponseCache,
    max_upload: u64,
    detached: DetachedTasks,
    drain: CancellationToken,
    health: Cached<ServerStatus>,
}

impl AppState {
    /// Requests that wait for changes end when `drain` is cancelled.
    pub(crate) fn new(registry: Registry, max_upload: u64, drain: CancellationToken) -> Self {
        Self(Arc::new(StateInner {
            responses: ResponseCache::new(registry.id().clone()),
            registry,
            max_upload,
            detached: DetachedTasks::default(),
            drain,
            health: Cached::default(),
        }))
    }

    /// Runs work that must not stop with its caller.
    pub(crate) fn detached(&self) -> &DetachedTasks {
        &self.0.detached
    }

    /// Cancelled when the service stops.
    pub(crate) fn drain(&self) -> &CancellationToken {
        &self.0.drain
    }

    /// The size of the largest image that is accepted.
    pub(crate) fn max_upload(&self) -> u64 {
        self.0.max_upload
    }

    /// The result of the health check.
    pub(crate) async fn health(&self) -> ServerStatus {
        let StateInner {
            registry, health, ..
        } = &*self.0;
        health.get(|| registry.health()).await
    }

    /// Responds with a part of the catalogue, from the cache if the revision has an entry for `key`.
    /// Otherwise `read` reads it and returns the revision that it has read: the given one or a newer one.
    pub(crate) async fn respond<T: Serialize, F>(
        &self,
        key: impl Display,
        headers: &HeaderMap,
        read: impl FnOnce(Revision) -> F,
    ) -> Result<Response, ApiError>
    where
        F: Future<Output = Result<(Envelope<T>, Revision), ApiError>>,
    {
        let revision = self.0.registry.revision();
        let responses = &self.0.responses;
        if let Some(unchanged) = responses.headers_at(revision).not_modified(headers) {
            return Ok(unchanged);
        }
        // Most polls end above. Boxed, so that their future does not hold the state of a read.
        Box::pin(responses.respond(revision, key, read)).await
    }

    pub(crate) fn headers_at(&self, revision: Revision) -> RevisionHeaders {
        self.0.responses.headers_at(revision)
    }

    pub(crate) fn registry_id(&self) -> &RegistryId {
        self.0.registry.id()
    }

    /// Watches the revision of the catalogue.
    pub(crate) fn revisions(&self) -> watch::Receiver<Revision> {
        self.0.registry.revisions()
    }
}

/// A caller that may read.
pub(crate) struct ClientCaller(pub(crate) Reader);

impl FromRequestParts<AppState> for ClientCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let registry = &state.0.registry;
        registry.require_current_trust().await?;
        Ok(Self(registry.reader(&caller(parts))?))
    }
}

/// A caller that may read and write.
pub(crate) struct PublisherCaller(pub(crate) Publisher);

impl FromRequestParts<AppState> for PublisherCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let registry = &state.0.registry;
        registry.require_current_trust().await?;
        Ok(Self(registry.publisher(&caller(parts))?))
    }
}

/// Any caller, with or without certificate.
pub(crate) struct AnyCaller {
    state: AppState,
    role: Result<Role, Refusal>,
}

impl AnyCaller {
    pub(crate) fn role(&self) -> Option<Role> {
        self.role.ok()
    }

    pub(crate) fn auth(&self) -> Auth {
        match self.role {
            Ok(_) => Auth::Trusted,
            Err(_) => Auth::Untrusted,
        }
    }

    pub(crate) fn registry_id(&self) -> &RegistryId {
        self.state.registry_id()
    }

    pub(crate) async fn health(&self) -> ServerStatus {
        self.state.health().await
    }
}

impl FromRequestParts<AppState> for AnyCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let role = state.0.registry.role_of(fingerprint(parts).as_ref());
        let state = state.clone();
        Ok(Self { state, role })
    }
}

fn peer(parts: &Parts) -> Option<&Peer> {
    let info = parts.extensions.get::<ConnectInfo<Peer>>();
    info.map(|ConnectInfo(peer)| peer)
}

fn fingerprint(parts: &Parts) -> Option<Fingerprint> {
    peer(parts).and_then(Peer::fingerprint)
}

fn caller(parts: &Parts) -> Caller<'_> {
    let route = parts.extensions.get::<MatchedPath>();
    let route = route.map_or(parts.uri.path(), MatchedPath::as_str);
    Caller {
        fingerprint: fingerprint(parts),
        address: peer(parts).map(|peer| peer.address.ip().to_canonical()),
        method: parts.method.as_str(),
        route,
        path: parts.uri.path(),
    }
}
