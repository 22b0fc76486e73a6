//! `POST /1.0/registry/sync`: runs a round now. One that is running is joined.

use ams_api::SyncPost;
use axum::response::Response;

use crate::http::{auth::Trusted, body::JsonBody, envelope, error::ApiError};

/// Begins it.
pub(in crate::http) async fn sync(
    caller: Trusted,
    JsonBody(SyncPost { confirm_removals }): JsonBody<SyncPost>,
) -> Result<Response, ApiError> {
    let operation = caller.ams.registry().sync_now(confirm_removals)?;
    Ok(envelope::accepted(&operation))
}
