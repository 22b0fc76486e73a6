//! `DELETE /1.0/applications/<id>/<version>`: deletes a version.

use ams_api::ApplicationVersionDelete;
use axum::{http::HeaderMap, response::Response};

use super::VersionPath;
use crate::http::{
    auth::TrustedCaller, body::JsonBody, envelope, error::ApiError, v1::applications::expect_state,
};

pub(in crate::http) async fn delete(
    caller: TrustedCaller,
    VersionPath { id, number }: VersionPath,
    headers: HeaderMap,
    JsonBody(ApplicationVersionDelete { force }): JsonBody<ApplicationVersionDelete>,
) -> Result<Response, ApiError> {
    let _lock = caller.lock_changes().await;
    expect_state(&caller.ams, &id, &headers).await?;
    let applications = caller.ams.applications();
    let operation = applications.delete_version(&id, number, force).await?;
    Ok(envelope::accepted(&operation))
}
