//! `DELETE /1.0/applications/<id>/<version>`: one version of an application.

use ams_api::ApplicationVersionDelete;
use axum::{http::HeaderMap, response::Response};

use super::Named;
use crate::http::{
    auth::Trusted, body::JsonBody, envelope, error::ApiError, v1::applications::expect_state,
};

/// Begins to delete it.
pub(in crate::http) async fn delete(
    caller: Trusted,
    Named { id, number }: Named,
    headers: HeaderMap,
    JsonBody(ApplicationVersionDelete { force }): JsonBody<ApplicationVersionDelete>,
) -> Result<Response, ApiError> {
    let _one_at_a_time = caller.hold_changes().await;
    expect_state(&caller.ams, &id, &headers).await?;
    let applications = caller.ams.applications();
    let operation = applications.delete_version(&id, number, force).await?;
    Ok(envelope::accepted(&operation))
}
