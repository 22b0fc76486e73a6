//! `PATCH /1.0/applications/<id>/<version>`: publishes a version, or takes that back.

use ams_api::ApplicationVersionPatch;
use axum::response::Response;

use super::Named;
use crate::http::{auth::Trusted, body::JsonBody, envelope, error::ApiError};

/// Begins it.
pub(in crate::http) async fn publish(
    caller: Trusted,
    Named { id, number }: Named,
    JsonBody(patch): JsonBody<ApplicationVersionPatch>,
) -> Result<Response, ApiError> {
    let published = patch
        .published
        .ok_or_else(|| ApiError::BadRequest("published: say true or false".to_owned()))?;
    let applications = caller.ams.applications();
    let operation = applications.set_published(&id, number, published).await?;
    Ok(envelope::accepted(&operation))
}
