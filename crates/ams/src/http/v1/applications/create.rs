//! `POST /1.0/applications`: a new application from the package in the body.

use axum::{body::Body, http::HeaderMap, response::Response};
use serde::Deserialize;

use crate::{
    applications::CreateOptions,
    http::{auth::Trusted, body::Query, envelope, error::ApiError, listing::switch, upload},
};

/// What the package does not say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct Options {
    /// Whether it runs in a virtual machine instead of a container.
    #[serde(deserialize_with = "switch")]
    vm: bool,
}

/// Receives the package and begins to make the application.
pub(in crate::http) async fn create(
    caller: Trusted,
    Query(Options { vm }): Query<Options>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let package = upload::receive(&caller.ams, &headers, body).await?;
    let options = CreateOptions { vm };
    let operation = caller.ams.applications().create(package, options);
    Ok(envelope::accepted(&operation))
}
