//! Who calls, and what that allows.
//!
//! The registry is private to this file. A handler receives it as [`AsClient`] or [`AsPublisher`]
//! and in no other way, so a route cannot be served without the check of its role. There is no
//! switch that turns the check off. What needs no certificate is what [`AsAnybody`] tells.

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
    catalogue::{Answers, Stamp},
    completion::Completion,
    errors::ApiError,
};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

struct Shared {
    registry: Registry,
    answers: Answers,
    max_upload: u64,
    completion: Completion,
    drain: CancellationToken,
}

impl App {
    /// The state of a service that stops waiting when it is drained.
    pub(crate) fn new(registry: Registry, max_upload: u64, drain: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            answers: Answers::new(registry.id().clone()),
            registry,
            max_upload,
            completion: Completion::default(),
            drain,
        }))
    }

    /// Where work runs that must not stop with its caller.
    pub(crate) fn completion(&self) -> &Completion {
        &self.0.completion
    }

    /// Ends when the service is told to stop.
    pub(crate) fn drain(&self) -> &CancellationToken {
        &self.0.drain
    }

    /// The largest image that is taken.
    pub(crate) fn max_upload(&self) -> u64 {
        self.0.max_upload
    }

    /// Answers a request for something of the catalogue: from memory where nothing has changed since
    /// somebody asked for the same, which `asked` names. `make` reads it; what it reads may be newer than the revision that
    /// it is given, never older. It tells of which revision its answer is.
    pub(crate) async fn answer<T: Serialize, F>(
        &self,
        asked: impl Display,
        headers: &HeaderMap,
        make: impl FnOnce(Revision) -> F,
    ) -> Result<Response, ApiError>
    where
        F: Future<Output = Result<(Envelope<T>, Revision), ApiError>>,
    {
        let revision = self.0.registry.revision();
        let answers = &self.0.answers;
        if let Some(unchanged) = answers.stamp(revision).not_modified(headers) {
            return Ok(unchanged);
        }
        // Most polls end above: what reading needs is not moved about for them.
        Box::pin(answers.answer(revision, asked, make)).await
    }

    /// A revision of this registry's catalogue.
    pub(crate) fn stamp_at(&self, revision: Revision) -> Stamp {
        self.0.answers.stamp(revision)
    }

    /// The identity of the registry.
    pub(crate) fn registry_id(&self) -> &RegistryId {
        self.0.registry.id()
    }

    /// Follows the catalogue's revision.
    pub(crate) fn revisions(&self) -> watch::Receiver<Revision> {
        self.0.registry.revisions()
    }
}

/// A caller who may read.
pub(crate) struct AsClient(pub(crate) Reader);

impl FromRequestParts<App> for AsClient {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self(app.0.registry.reader(&caller(parts))?))
    }
}

/// A caller who may read and write.
pub(crate) struct AsPublisher(pub(crate) Publisher);

impl FromRequestParts<App> for AsPublisher {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self(app.0.registry.publisher(&caller(parts))?))
    }
}

/// Any caller, with or without certificate: learns where it stands, and how the registry is.
pub(crate) struct AsAnybody {
    app: App,
    standing: Result<Role, Refusal>,
}

impl AsAnybody {
    /// What the caller may do, where anything.
    pub(crate) fn role(&self) -> Option<Role> {
        self.standing.ok()
    }

    /// Whether the caller may do anything.
    pub(crate) fn auth(&self) -> Auth {
        match self.standing {
            Ok(_) => Auth::Trusted,
            Err(_) => Auth::Untrusted,
        }
    }

    /// The identity of the registry.
    pub(crate) fn registry_id(&self) -> &RegistryId {
        self.app.registry_id()
    }

    /// Whether everything the registry needs can be used.
    pub(crate) async fn health(&self) -> ServerStatus {
        self.app.0.registry.health().await
    }
}

impl FromRequestParts<App> for AsAnybody {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let standing = app.0.registry.role_of(fingerprint(parts).as_ref());
        let app = app.clone();
        Ok(Self { app, standing })
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
