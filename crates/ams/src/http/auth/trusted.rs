use axum::{extract::FromRequestParts, http::request::Parts};
use tokio::sync::MutexGuard;
use tokio_util::sync::CancellationToken;

use super::{Anyone, Api, Identity};
use crate::{Ams, http::error::ApiError};

/// A caller who may do everything, and AMS to do it with.
pub(in crate::http) struct Trusted {
    /// AMS.
    pub(in crate::http) ams: Ams,
    api: Api,
    identity: Identity,
}

impl Trusted {
    /// Cancelled when the server stops.
    pub(in crate::http) fn drain(&self) -> CancellationToken {
        self.api.0.drain.clone()
    }

    /// Held from looking at an application to changing it, so that `If-Match` means what it says.
    pub(in crate::http) async fn hold_changes(&self) -> MutexGuard<'_, ()> {
        self.api.0.changing.lock().await
    }

    /// A token with which the caller can open the events websocket without its certificate.
    pub(in crate::http) fn event_token(&self) -> Result<String, ApiError> {
        let token = self.api.0.tokens.issue(self.identity);
        token.map_err(ApiError::internal)
    }
}

impl FromRequestParts<Api> for Trusted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let anyone = Anyone::from_request_parts(parts, api).await?;
        let identity = api
            .judge(&anyone.caller)
            .map_err(|refusal| anyone.refuse(refusal))?;
        Ok(Self {
            ams: api.0.ams.clone(),
            api: api.clone(),
            identity,
        })
    }
}
