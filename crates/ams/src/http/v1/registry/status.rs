//! `GET /1.0/registry/status`: how this AMS and its registry stand to each other.

use ams_api::RegistryStatus;

use crate::http::{auth::Trusted, envelope::Done, error::ApiError};

/// Tells it.
pub(in crate::http) async fn status(caller: Trusted) -> Result<Done<RegistryStatus>, ApiError> {
    Ok(Done(caller.ams.registry().status().await?))
}
