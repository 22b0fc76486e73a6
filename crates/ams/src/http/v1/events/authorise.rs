//! `POST /1.0/events/auth`: a short-lived token that opens the events websocket.
//!
//! The published definition has the token at the top of the answer in its schema, and in the
//! metadata in its words. It is in both places.

use ams_api::EventAuth;
use axum::Json;
use serde::Serialize;

use crate::http::{auth::Trusted, envelope::Frame, error::ApiError};

/// The frame with the token beside it.
#[derive(Serialize)]
pub(in crate::http) struct Authorised {
    token: String,
    #[serde(flatten)]
    frame: Frame<'static, EventAuth>,
}

/// Issues one to the caller.
pub(in crate::http) async fn authorise(caller: Trusted) -> Result<Json<Authorised>, ApiError> {
    let token = caller.event_token()?;
    let frame = Frame::done(EventAuth {
        token: token.clone(),
    });
    Ok(Json(Authorised { token, frame }))
}
