use axum::{extract::FromRequestParts, http::request::Parts};
use headers::{Authorization, HeaderMapExt, authorization::Bearer};
use tokio_util::sync::CancellationToken;

use super::{AnyCaller, AppState, CallerId, Refusal};
use crate::{Ams, http::error::ApiError};

/// A caller that may receive events: a trusted one, or one with a token of a trusted one.
pub(in crate::http) struct EventSubscriber {
    pub(in crate::http) ams: Ams,
    state: AppState,
    id: CallerId,
}

impl EventSubscriber {
    /// Whether the caller is still authorised.
    pub(in crate::http) fn is_authorised(&self) -> bool {
        self.state.reauthorise(self.id).is_ok()
    }

    /// Cancelled when the server stops.
    pub(in crate::http) fn drain(&self) -> CancellationToken {
        self.state.0.drain.clone()
    }
}

impl FromRequestParts<AppState> for EventSubscriber {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let any = AnyCaller::from_request_parts(parts, state).await?;
        let by_token = |token: &str| {
            let holder = state.0.tokens.holder(token).ok_or(Refusal::Token)?;
            state.reauthorise(holder)
        };
        let authorised = match (state.authorise(&any.caller), token(parts)) {
            (Err(_), Some(token)) => by_token(&token),
            (authorised, _) => authorised,
        };
        let id = authorised.map_err(|refusal| any.refuse(refusal))?;
        Ok(Self {
            ams: state.0.ams.clone(),
            state: state.clone(),
            id,
        })
    }
}

/// The token from the header, or for browsers, which cannot set headers of a websocket, from the query.
fn token(parts: &Parts) -> Option<String> {
    let bearer = || {
        let Authorization(bearer) = parts.headers.typed_get::<Authorization<Bearer>>()?;
        Some(bearer.token().to_owned())
    };
    let in_query = || {
        let query = parts.uri.query()?.as_bytes();
        let mut pairs = url::form_urlencoded::parse(query);
        let token = pairs.find(|(name, _)| name == "token");
        token.map(|(_, token)| token.into_owned())
    };
    bearer().or_else(in_query)
}
