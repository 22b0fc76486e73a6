use std::fmt;

use aar_daemon::UnixPeer;
use aar_tls::Peer;
use axum::{extract::ConnectInfo, http::Extensions};

use super::Refusal;
use crate::http::error::ApiError;

/// The origin of a request.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Over TLS.
    Remote(Peer),
    /// Over the Unix socket.
    Local(UnixPeer),
}

impl Caller {
    pub(super) fn log_refusal(&self, route: &str, refusal: &Refusal) {
        let fingerprint = match self {
            Self::Remote(peer) => peer.fingerprint().map(|shown| shown.to_string()),
            Self::Local(_) => None,
        };
        tracing::warn!(caller = %self, fingerprint, route, reason = %refusal, "request refused");
    }

    /// The caller that the listener stored in the extensions of a request.
    pub(super) fn of(extensions: &Extensions) -> Result<Self, ApiError> {
        let remote = extensions.get::<ConnectInfo<Peer>>();
        let local = extensions.get::<ConnectInfo<UnixPeer>>();
        match (remote, local) {
            (Some(ConnectInfo(peer)), _) => Ok(Self::Remote(peer.clone())),
            (None, Some(ConnectInfo(peer))) => Ok(Self::Local(*peer)),
            (None, None) => Err(ApiError::internal("the listener did not store the caller")),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(peer) => peer.address.fmt(f),
            Self::Local(peer) => write!(f, "user {} on the Unix socket", peer.uid),
        }
    }
}
