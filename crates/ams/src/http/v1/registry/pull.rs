//! `POST /1.0/registry/applications/<id>/pull`: imports one application from the registry.

use aar_types::ApplicationName;
use ams_api::SyncPost;
use axum::response::Response;

use crate::http::{
    auth::TrustedCaller,
    body::{JsonBody, Path},
    envelope,
    error::ApiError,
};

pub(in crate::http) async fn pull(
    caller: TrustedCaller,
    Path(name): Path<ApplicationName>,
    JsonBody(SyncPost { confirm_removals }): JsonBody<SyncPost>,
) -> Result<Response, ApiError> {
    if confirm_removals {
        let message = "confirm_removals: confirms all held removals at once: POST \
                       /1.0/registry/sync";
        return Err(ApiError::BadRequest(message.to_owned()));
    }
    let operation = caller.ams.registry().pull(&name)?;
    Ok(envelope::accepted(&operation))
}
