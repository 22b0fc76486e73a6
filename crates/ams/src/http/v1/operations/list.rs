//! `GET /1.0/operations`: the operations that are known at present.

use ams_api::Operation;
use serde_json::Value;

use crate::http::{auth::Trusted, body::Query, envelope::Page, error::ApiError, listing::Listing};

/// Lists them.
pub(in crate::http) async fn list(
    caller: Trusted,
    Query(listing): Query<Listing>,
) -> Result<Page<Value>, ApiError> {
    listing.page(caller.ams.operations().list(), |operation| {
        Operation::url(operation.id)
    })
}
