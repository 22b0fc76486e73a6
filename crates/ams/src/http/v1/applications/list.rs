//! `GET /1.0/applications`: lists the applications that match all filters in the query.

use ams_api::ApplicationFilter;
use serde_json::Value;

use super::{entitlements::EntitlementsQuery, response::ApplicationResponse};
use crate::http::{
    auth::TrustedCaller, body::Query, envelope::Page, error::ApiError, page_query::PageQuery,
};

pub(in crate::http) async fn list(
    caller: TrustedCaller,
    Query(filter): Query<ApplicationFilter>,
    Query(page): Query<PageQuery>,
    Query(entitlements): Query<EntitlementsQuery>,
) -> Result<Page<Value>, ApiError> {
    let mut applications = caller.ams.applications().list(&filter).await?;
    for application in &mut applications {
        entitlements.attach(application);
    }
    let applications = applications.into_iter().map(ApplicationResponse).collect();
    page.select(applications, |ApplicationResponse(application)| {
        format!("/1.0/applications/{}", application.id)
    })
}
