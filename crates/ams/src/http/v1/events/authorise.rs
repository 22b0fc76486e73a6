//! `POST /1.0/events/auth`: a short-lived token that opens the events websocket.

use ams_api::EventAuth;

use crate::http::{auth::Trusted, envelope::Done, error::ApiError};

/// Issues one to the caller.
pub(in crate::http) async fn authorise(caller: Trusted) -> Result<Done<EventAuth>, ApiError> {
    let token = caller.event_token()?;
    Ok(Done(EventAuth { token }))
}
