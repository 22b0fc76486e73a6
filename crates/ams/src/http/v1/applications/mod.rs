//! Applications. Wherever an id is asked for, the name does as well.

mod entitlements;
mod shown;

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
    http::{error::ApiError, etag::ETag},
};

/// The application with this id or name, as the API shows it.
async fn find(ams: &Ams, id: &str) -> Result<Application, Error> {
    let found = ams.applications().get(id).await?;
    found.ok_or_else(|| Error::ApplicationNotFound(id.to_owned()))
}

/// The application, if it is in the state that a request is meant for.
pub(in crate::http) async fn expect_state(
    ams: &Ams,
    id: &str,
    headers: &HeaderMap,
) -> Result<Application, ApiError> {
    let application = find(ams, id).await?;
    ETag::of(&application)?.check_if_match(headers)?;
    Ok(application)
}
