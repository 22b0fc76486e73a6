//! `GET /1.0/registry/applications`: what the registry holds.

use serde_json::Value;

use crate::http::{auth::Trusted, body::Query, envelope::Page, error::ApiError, listing::Listing};

/// Lists it. There are no addresses of these things to list, so they are always shown whole.
pub(in crate::http) async fn list(
    caller: Trusted,
    Query(listing): Query<Listing>,
) -> Result<Page<Value>, ApiError> {
    let applications = caller.ams.registry().applications().await?;
    listing.whole().page(applications, |_| String::new())
}
