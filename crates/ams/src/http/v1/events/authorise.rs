//! `POST /1.0/events/auth`: issues a short-lived token for the event websocket.
//!
//! The published API definition has the token at the top level in its schema, but in the metadata in its
//! text. The response has it in both places.

use ams_api::EventAuth;
use axum::Json;
use serde::Serialize;

use crate::http::{auth::TrustedCaller, envelope::Envelope, error::ApiError};

#[derive(Serialize)]
pub(in crate::http) struct EventTokenResponse {
    token: String,
    #[serde(flatten)]
    envelope: Envelope<'static, EventAuth>,
}

pub(in crate::http) async fn authorise(
    caller: TrustedCaller,
) -> Result<Json<EventTokenResponse>, ApiError> {
    let token = caller.event_token()?;
    let envelope = Envelope::success(EventAuth {
        token: token.clone(),
    });
    Ok(Json(EventTokenResponse { token, envelope }))
}
