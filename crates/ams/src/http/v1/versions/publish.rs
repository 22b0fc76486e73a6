//! `PATCH /1.0/applications/<id>/<version>`: publishes a version, or takes that back.

use aar_types::VersionNumber;
use ams_api::ApplicationVersionPatch;
use axum::response::Response;

use crate::http::{
    auth::Trusted,
    body::{JsonBody, Path},
    envelope,
    error::ApiError,
};

/// Begins it.
pub(in crate::http) async fn publish(
    caller: Trusted,
    Path((id, version)): Path<(String, VersionNumber)>,
    JsonBody(patch): JsonBody<ApplicationVersionPatch>,
) -> Result<Response, ApiError> {
    let published = patch
        .published
        .ok_or_else(|| ApiError::BadRequest("published: say true or false".to_owned()))?;
    let applications = caller.ams.applications();
    let operation = applications.set_published(&id, version, published).await?;
    Ok(envelope::accepted(&operation))
}
