//! `DELETE /1.0/applications/<id>/<version>`: one version of an application.

use ams_api::ApplicationVersionDelete;
use axum::response::Response;

use super::Named;
use crate::http::{auth::Trusted, body::JsonBody, envelope, error::ApiError};

/// Begins to delete it.
pub(in crate::http) async fn delete(
    caller: Trusted,
    Named { id, number }: Named,
    JsonBody(ApplicationVersionDelete { force }): JsonBody<ApplicationVersionDelete>,
) -> Result<Response, ApiError> {
    let applications = caller.ams.applications();
    let operation = applications.delete_version(&id, number, force).await?;
    Ok(envelope::accepted(&operation))
}
