//! `GET /1.0/operations/<uuid>`: an operation as it is now.

use ams_api::Operation;

use super::find;
use crate::http::{auth::Trusted, body::Path, envelope::Done, error::ApiError};

/// Shows it.
pub(in crate::http) async fn get(
    caller: Trusted,
    Path(id): Path<String>,
) -> Result<Done<Operation>, ApiError> {
    find(&caller.ams, &id).map(Done)
}
