//! `DELETE /1.0/applications/<id>`: an application with all its versions.

use ams_api::ApplicationDelete;
use axum::response::Response;

use crate::http::{
    auth::Trusted,
    body::{JsonBody, Path},
    envelope,
    error::ApiError,
};

/// Begins to delete it.
pub(in crate::http) async fn delete(
    caller: Trusted,
    Path(id): Path<String>,
    JsonBody(ApplicationDelete { force }): JsonBody<ApplicationDelete>,
) -> Result<Response, ApiError> {
    let operation = caller.ams.applications().delete(&id, force).await?;
    Ok(envelope::accepted(&operation))
}
