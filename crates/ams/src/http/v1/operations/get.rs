//! `GET /1.0/operations/<uuid>`: shows an operation.

use ams_api::Operation;

use super::find;
use crate::http::{auth::TrustedCaller, body::Path, envelope::Success, error::ApiError};

pub(in crate::http) async fn get(
    caller: TrustedCaller,
    Path(id): Path<String>,
) -> Result<Success<Operation>, ApiError> {
    find(&caller.ams, &id).map(Success)
}
