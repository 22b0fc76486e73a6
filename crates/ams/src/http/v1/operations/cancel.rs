//! `DELETE /1.0/operations/<uuid>`: cancels an operation. It stays visible and has the status `Cancelled`
//! once it has stopped.

use axum::{http::StatusCode, response::IntoResponse};
use serde_json::json;

use super::find;
use crate::http::{auth::TrustedCaller, body::Path, envelope::Success, error::ApiError};

pub(in crate::http) async fn cancel(
    caller: TrustedCaller,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let operation = find(&caller.ams, &id)?;
    caller.ams.operations().cancel(operation.id)?;
    Ok((StatusCode::ACCEPTED, Success(json!({}))))
}
