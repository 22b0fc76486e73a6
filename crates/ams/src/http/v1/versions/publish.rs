//! `PATCH /1.0/applications/<id>/<version>`: publishes a version or withdraws it.

use ams_api::ApplicationVersionPatch;
use axum::{http::HeaderMap, response::Response};

use super::VersionPath;
use crate::http::{
    auth::TrustedCaller, body::JsonBody, envelope, error::ApiError, v1::applications::expect_state,
};

pub(in crate::http) async fn publish(
    caller: TrustedCaller,
    VersionPath { id, number }: VersionPath,
    headers: HeaderMap,
    JsonBody(patch): JsonBody<ApplicationVersionPatch>,
) -> Result<Response, ApiError> {
    let published = patch
        .published
        .ok_or_else(|| ApiError::BadRequest("published: must be true or false".to_owned()))?;
    let _lock = caller.lock_changes().await;
    expect_state(&caller.ams, &id, &headers).await?;
    let applications = caller.ams.applications();
    let operation = applications.set_published(&id, number, published).await?;
    Ok(envelope::accepted(&operation))
}
