//! `POST /1.0/applications`: creates an application from the package in the body.

use axum::{body::Body, http::HeaderMap, response::Response};
use serde::Deserialize;

use crate::{
    applications::CreateOptions,
    http::{
        auth::TrustedCaller, body::Query, envelope, error::ApiError, page_query::read_flag, upload,
    },
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct CreateQuery {
    /// Whether the application runs in a virtual machine instead of a container.
    #[serde(deserialize_with = "read_flag")]
    vm: bool,
}

pub(in crate::http) async fn create(
    caller: TrustedCaller,
    Query(CreateQuery { vm }): Query<CreateQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let package = upload::receive(&caller.ams, &headers, body).await?;
    let options = CreateOptions { vm };
    let operation = caller.ams.applications().create(package, options);
    Ok(envelope::accepted(&operation))
}
