//! `POST /1.0/registry/applications/<id>/push`: sends one application to the registry.

use axum::response::Response;

use crate::http::{auth::Trusted, body::Path, envelope, error::ApiError};

/// Begins it.
pub(in crate::http) async fn push(
    caller: Trusted,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let operation = caller.ams.registry().push(&id).await?;
    Ok(envelope::accepted(&operation))
}
