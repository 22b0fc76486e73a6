//! `DELETE /1.0/operations/<uuid>`: tells an operation to stop.

use axum::{http::StatusCode, response::IntoResponse};
use serde_json::json;

use super::find;
use crate::http::{auth::Trusted, body::Path, envelope::Done, error::ApiError};

/// Cancels it. It stays to be looked at, with the status `Cancelled` once it has stopped.
pub(in crate::http) async fn cancel(
    caller: Trusted,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let operation = find(&caller.ams, &id)?;
    caller.ams.operations().cancel(operation.id)?;
    Ok((StatusCode::ACCEPTED, Done(json!({}))))
}
