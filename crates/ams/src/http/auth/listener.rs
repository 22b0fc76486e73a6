use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use tokio_util::sync::CancellationToken;

use super::{Anyone, Api, Identity, Refusal};
use crate::{Ams, http::error::ApiError};

/// A caller who may listen to events: a trusted one, or one with a token of a trusted one.
pub(in crate::http) struct Listener {
    /// AMS.
    pub(in crate::http) ams: Ams,
    api: Api,
    identity: Identity,
}

impl Listener {
    /// Whether the caller, who was let in some time ago, still would be.
    pub(in crate::http) fn is_still_welcome(&self) -> bool {
        self.api.still_good(self.identity).is_ok()
    }

    /// Cancelled when the server stops.
    pub(in crate::http) fn drain(&self) -> CancellationToken {
        self.api.0.drain.clone()
    }
}

impl FromRequestParts<Api> for Listener {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let anyone = Anyone::from_request_parts(parts, api).await?;
        let holder = |token: &str| {
            let holder = api.0.tokens.holder(token).ok_or(Refusal::Token)?;
            api.still_good(holder)
        };
        let judged = match (api.judge(&anyone.caller), token(parts)) {
            (Err(_), Some(token)) => holder(&token),
            (judged, _) => judged,
        };
        let identity = judged.map_err(|refusal| anyone.refuse(refusal))?;
        Ok(Self {
            ams: api.0.ams.clone(),
            api: api.clone(),
            identity,
        })
    }
}

/// Browsers cannot set headers on a websocket, other programs need not put tokens into addresses.
fn token(parts: &Parts) -> Option<String> {
    let bearer = || {
        let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| token.trim().to_owned())
    };
    let in_query = || {
        let query = parts.uri.query()?.as_bytes();
        let mut pairs = url::form_urlencoded::parse(query);
        let token = pairs.find(|(name, _)| name == "token");
        token.map(|(_, token)| token.into_owned())
    };
    bearer().or_else(in_query)
}
