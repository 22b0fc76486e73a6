//! `PATCH /1.0/applications/<id>/<version>`: publishes a version, or takes that back.

use ams_api::ApplicationVersionPatch;
use axum::{http::HeaderMap, response::Response};

use super::Named;
use crate::http::{
    auth::Trusted, body::JsonBody, envelope, error::ApiError, v1::applications::expect_state,
};

/// Begins it.
pub(in crate::http) async fn publish(
    caller: Trusted,
    Named { id, number }: Named,
    headers: HeaderMap,
    JsonBody(patch): JsonBody<ApplicationVersionPatch>,
) -> Result<Response, ApiError> {
    let published = patch
        .published
        .ok_or_else(|| ApiError::BadRequest("published: say true or false".to_owned()))?;
    let _one_at_a_time = caller.hold_changes().await;
    expect_state(&caller.ams, &id, &headers).await?;
    let applications = caller.ams.applications();
    let operation = applications.set_published(&id, number, published).await?;
    Ok(envelope::accepted(&operation))
}
