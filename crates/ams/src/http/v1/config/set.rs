//! `PATCH /1.0/config`: sets one item. It applies at once; the operation in the answer is done.

use ams_api::ConfigPost;
use axum::{http::StatusCode, response::Response};

use crate::{
    http::{auth::Trusted, body::JsonBody, envelope, error::ApiError},
    operations::NewOperation,
};

/// Sets it.
pub(in crate::http) async fn set(
    caller: Trusted,
    JsonBody(item): JsonBody<ConfigPost>,
) -> Result<Response, ApiError> {
    caller.ams.config().set(&item.name, &item.value).await?;
    let description = format!("Setting {}", item.name);
    let new = NewOperation::on(description, "config", "/1.0/config".to_owned());
    let mut response = envelope::accepted(&caller.ams.operations().completed(new));
    // The published definition has it so, unlike with every other operation.
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}
