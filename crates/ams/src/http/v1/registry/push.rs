//! `POST /1.0/registry/applications/<id>/push`: pushes one application to the registry.

use axum::response::Response;

use crate::http::{auth::TrustedCaller, body::Path, envelope, error::ApiError};

pub(in crate::http) async fn push(
    caller: TrustedCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let operation = caller.ams.registry().push(&id).await?;
    Ok(envelope::accepted(&operation))
}
