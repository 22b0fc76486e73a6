//! `DELETE /1.0/applications/<id>`: an application with all its versions.

use ams_api::ApplicationDelete;
use axum::{http::HeaderMap, response::Response};

use super::expect_state;
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
    headers: HeaderMap,
    JsonBody(ApplicationDelete { force }): JsonBody<ApplicationDelete>,
) -> Result<Response, ApiError> {
    let _one_at_a_time = caller.hold_changes().await;
    expect_state(&caller.ams, &id, &headers).await?;
    let operation = caller.ams.applications().delete(&id, force).await?;
    Ok(envelope::accepted(&operation))
}
