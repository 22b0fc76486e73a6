//! Applications. A name can take the place of an id everywhere.

mod entitlements;
mod response;

pub(in crate::http) mod create;
pub(in crate::http) mod delete;
pub(in crate::http) mod delete_many;
pub(in crate::http) mod get;
pub(in crate::http) mod list;
pub(in crate::http) mod manifest;
pub(in crate::http) mod update;

use ams_api::Application;
use axum::http::HeaderMap;

use crate::{
    Ams, Error,
    http::{error::ApiError, state_tag::check_if_match},
};

async fn find(ams: &Ams, id: &str) -> Result<Application, Error> {
    let found = ams.applications().get(id).await?;
    found.ok_or_else(|| Error::ApplicationNotFound(id.to_owned()))
}

/// Finds an application and compares its state with `If-Match`.
pub(in crate::http) async fn expect_state(
    ams: &Ams,
    id: &str,
    headers: &HeaderMap,
) -> Result<Application, ApiError> {
    let application = find(ams, id).await?;
    check_if_match(&application, headers)?;
    Ok(application)
}
