use axum::{extract::FromRequestParts, http::request::Parts};
use tokio::sync::MutexGuard;
use tokio_util::sync::CancellationToken;

use super::{AnyCaller, AppState, CallerId};
use crate::{Ams, http::error::ApiError};

/// A caller that may do everything, with access to AMS.
pub(in crate::http) struct TrustedCaller {
    pub(in crate::http) ams: Ams,
    state: AppState,
    id: CallerId,
}

impl TrustedCaller {
    /// Cancelled when the server stops.
    pub(in crate::http) fn drain(&self) -> CancellationToken {
        self.state.0.drain.clone()
    }

    /// Locks applications against other changes, so that the state stays the one that `If-Match` was compared with.
    pub(in crate::http) async fn lock_changes(&self) -> MutexGuard<'_, ()> {
        self.state.0.changes.lock().await
    }

    /// A token that opens the event websocket without the certificate of the caller.
    pub(in crate::http) fn event_token(&self) -> Result<String, ApiError> {
        let token = self.state.0.tokens.issue(self.id);
        token.map_err(ApiError::internal)
    }
}

impl FromRequestParts<AppState> for TrustedCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let any = AnyCaller::from_request_parts(parts, state).await?;
        let authorised = state.authorise(&any.caller);
        let id = authorised.map_err(|refusal| any.refuse(refusal))?;
        Ok(Self {
            ams: state.0.ams.clone(),
            state: state.clone(),
            id,
        })
    }
}
