//! `GET /1.0/operations/<uuid>/websocket`: the other end of operations that talk to their caller.
//!
//! None of the operations in this program does: they are all tasks, which run by themselves.

use std::convert::Infallible;

use super::find;
use crate::http::{auth::Trusted, body::Path, error::ApiError};

/// Says so.
pub(in crate::http) async fn websocket(
    caller: Trusted,
    Path(id): Path<String>,
) -> Result<Infallible, ApiError> {
    let operation = find(&caller.ams, &id)?;
    let message = format!("operation {} is a task and has no websocket", operation.id);
    Err(ApiError::BadRequest(message))
}
