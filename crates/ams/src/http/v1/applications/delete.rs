//! `DELETE /1.0/applications/<id>`: deletes an application with all its versions.

use ams_api::ApplicationDelete;
use axum::{http::HeaderMap, response::Response};

use super::expect_state;
use crate::http::{
    auth::TrustedCaller,
    body::{JsonBody, Path},
    envelope,
    error::ApiError,
};

pub(in crate::http) async fn delete(
    caller: TrustedCaller,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonBody(ApplicationDelete { force }): JsonBody<ApplicationDelete>,
) -> Result<Response, ApiError> {
    let _lock = caller.lock_changes().await;
    expect_state(&caller.ams, &id, &headers).await?;
    let operation = caller.ams.applications().delete(&id, force).await?;
    Ok(envelope::accepted(&operation))
}
