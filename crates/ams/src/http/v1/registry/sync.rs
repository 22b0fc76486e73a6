//! `POST /1.0/registry/sync`: runs a round now, or joins the running one.

use ams_api::SyncPost;
use axum::response::Response;

use crate::http::{auth::TrustedCaller, body::JsonBody, envelope, error::ApiError};

pub(in crate::http) async fn sync(
    caller: TrustedCaller,
    JsonBody(SyncPost { confirm_removals }): JsonBody<SyncPost>,
) -> Result<Response, ApiError> {
    let operation = caller.ams.registry().sync_now(confirm_removals)?;
    Ok(envelope::accepted(&operation))
}
