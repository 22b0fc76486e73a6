//! `PATCH /1.0/config`: sets one item. It applies at once; the operation in the response has ended.

use ams_api::ConfigPost;
use axum::{http::StatusCode, response::Response};

use crate::{
    http::{auth::TrustedCaller, body::JsonBody, envelope, error::ApiError},
    operations::NewOperation,
};

pub(in crate::http) async fn set(
    caller: TrustedCaller,
    JsonBody(item): JsonBody<ConfigPost>,
) -> Result<Response, ApiError> {
    caller.ams.config().set(&item.name, &item.value).await?;
    let description = format!("Setting {}", item.name);
    let new = NewOperation::on(description, "config", "/1.0/config".to_owned());
    let mut response = envelope::accepted(&caller.ams.operations().completed(new));
    // The published API definition has 200 here, but 202 for all other operations.
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}
