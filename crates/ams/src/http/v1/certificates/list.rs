//! `GET /1.0/certificates`: the trusted certificates.

use serde_json::Value;

use super::show;
use crate::http::{auth::Trusted, body::Query, envelope::Page, error::ApiError, listing::Listing};

/// Lists them.
pub(in crate::http) async fn list(
    caller: Trusted,
    Query(listing): Query<Listing>,
) -> Result<Page<Value>, ApiError> {
    let certificates = caller.ams.trust().list().iter().map(show).collect();
    listing.page(certificates, |known: &ams_api::Certificate| {
        format!("/1.0/certificates/{}", known.fingerprint)
    })
}
