//! `DELETE /1.0/applications/<id>/<version>`: one version of an application.

use aar_types::VersionNumber;
use ams_api::ApplicationVersionDelete;
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
    Path((id, version)): Path<(String, VersionNumber)>,
    JsonBody(ApplicationVersionDelete { force }): JsonBody<ApplicationVersionDelete>,
) -> Result<Response, ApiError> {
    let applications = caller.ams.applications();
    let operation = applications.delete_version(&id, version, force).await?;
    Ok(envelope::accepted(&operation))
}
