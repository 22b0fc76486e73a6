//! `GET /1.0/operations/<uuid>/websocket`: refused: all operations of AMS are tasks, which do not
//! communicate with their caller.

use std::convert::Infallible;

use super::find;
use crate::http::{auth::TrustedCaller, body::Path, error::ApiError};

pub(in crate::http) async fn websocket(
    caller: TrustedCaller,
    Path(id): Path<String>,
) -> Result<Infallible, ApiError> {
    let operation = find(&caller.ams, &id)?;
    let message = format!("operation {} is a task and has no websocket", operation.id);
    Err(ApiError::BadRequest(message))
}
