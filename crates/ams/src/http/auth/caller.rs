use std::fmt;

use aar_daemon::UnixPeer;
use aar_tls::Peer;
use axum::{extract::ConnectInfo, http::Extensions};

use super::Refusal;
use crate::http::error::ApiError;

/// Where a request comes from.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Anywhere, over TLS.
    Remote(Peer),
    /// This machine.
    Local(UnixPeer),
}

impl Caller {
    /// Puts a refusal down for the operator.
    pub(super) fn log_refusal(&self, route: &str, refusal: &Refusal) {
        let fingerprint = match self {
            Self::Remote(peer) => peer.fingerprint().map(|shown| shown.to_string()),
            Self::Local(_) => None,
        };
        tracing::warn!(caller = %self, fingerprint, route, reason = %refusal, "refused");
    }

    /// Who has sent the request that has these extensions.
    pub(super) fn of(extensions: &Extensions) -> Result<Self, ApiError> {
        let remote = extensions.get::<ConnectInfo<Peer>>();
        let local = extensions.get::<ConnectInfo<UnixPeer>>();
        match (remote, local) {
            (Some(ConnectInfo(peer)), _) => Ok(Self::Remote(peer.clone())),
            (None, Some(ConnectInfo(peer))) => Ok(Self::Local(*peer)),
            (None, None) => Err(ApiError::internal(
                "the listener did not tell who is calling",
            )),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(peer) => peer.address.fmt(f),
            Self::Local(peer) => write!(f, "user {} on the unix socket", peer.uid),
        }
    }
}
