//! `POST /1.0/registry/applications/<id>/pull`: imports one application from the registry.

use aar_types::ApplicationName;
use axum::response::Response;

use crate::http::{auth::Trusted, body::Path, envelope, error::ApiError};

/// Begins it.
pub(in crate::http) async fn pull(
    caller: Trusted,
    Path(name): Path<ApplicationName>,
) -> Result<Response, ApiError> {
    let operation = caller.ams.registry().pull(&name)?;
    Ok(envelope::accepted(&operation))
}
