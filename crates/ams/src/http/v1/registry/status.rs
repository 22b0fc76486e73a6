//! `GET /1.0/registry/status`: shows the state of the synchronisation.

use ams_api::RegistryStatus;

use crate::http::{auth::TrustedCaller, envelope::Success, error::ApiError};

pub(in crate::http) async fn status(
    caller: TrustedCaller,
) -> Result<Success<RegistryStatus>, ApiError> {
    Ok(Success(caller.ams.registry().status().await?))
}
