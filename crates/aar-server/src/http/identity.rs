//! Who calls, and what that allows.
//!
//! The registry is private to this file. A handler receives it as [`AsClient`] or [`AsPublisher`]
//! and in no other way, so a route cannot be served without the check of its role. There is no
//! switch that turns the check off. What needs no certificate is what [`AsAnybody`] tells.

use std::sync::Arc;

use aar_registry::{Caller, Publisher, Reader, Refusal, Registry};
use aar_tls::Peer;
use aar_types::{Auth, Fingerprint, RegistryId, Revision, Role, ServerStatus};
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath};
use http::request::Parts;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{catalogue::Stamp, completion::Completion, errors::ApiError};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

struct Shared {
    registry: Registry,
    max_upload: u64,
    completion: Completion,
    drain: CancellationToken,
}

impl App {
    /// The state of a service that stops waiting when it is drained.
    pub(crate) fn new(registry: Registry, max_upload: u64, drain: CancellationToken) -> Self {
        Self(Arc::new(Shared {
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

    /// The catalogue's present revision, from memory.
    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp_at(self.0.registry.revision())
    }

    /// A revision of this registry's catalogue.
    pub(crate) fn stamp_at(&self, revision: Revision) -> Stamp {
        Stamp::new(self.0.registry.id().clone(), revision)
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
        self.app.0.registry.id()
    }

    /// Whether everything the registry needs can be used.
    pub(crate) async fn health(&self) -> ServerStatus {
        self.app.0.registry.health().await
    }
}

impl FromRequestParts<App> for AsAnybody {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let standing = app.0.registry.standing(fingerprint(parts).as_ref());
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

fn caller(parts: &Parts) -> Caller {
    let route = parts.extensions.get::<MatchedPath>();
    let route = route.map_or(parts.uri.path(), MatchedPath::as_str);
    // Without the port: refusals are counted by address, and every connection has another port.
    let address = peer(parts).map(|peer| peer.address.ip().to_canonical());
    Caller {
        fingerprint: fingerprint(parts),
        address: address.map_or_else(String::new, |address| address.to_string()),
        request: format!("{} {route}", parts.method),
    }
}
