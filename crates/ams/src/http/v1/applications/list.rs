//! `GET /1.0/applications`: the applications that meet all the conditions in the query.

use ams_api::ApplicationFilter;
use serde_json::Value;

use super::{entitlements::Wanted, shown::Shown};
use crate::http::{auth::Trusted, body::Query, envelope::Page, error::ApiError, listing::Listing};

/// Lists them.
pub(in crate::http) async fn list(
    caller: Trusted,
    Query(filter): Query<ApplicationFilter>,
    Query(listing): Query<Listing>,
    Query(wanted): Query<Wanted>,
) -> Result<Page<Value>, ApiError> {
    let mut applications = caller.ams.applications().list(&filter).await?;
    for application in &mut applications {
        wanted.attach(application);
    }
    let applications = applications.into_iter().map(Shown).collect();
    listing.page(applications, |Shown(application)| {
        format!("/1.0/applications/{}", application.id)
    })
}
