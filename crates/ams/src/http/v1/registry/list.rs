//! `GET /1.0/registry/applications`: lists the applications of the registry.

use serde_json::Value;

use crate::http::{
    auth::TrustedCaller, body::Query, envelope::Page, error::ApiError, page_query::PageQuery,
};

/// The entries have no addresses, so they are always shown as a whole.
pub(in crate::http) async fn list(
    caller: TrustedCaller,
    Query(page): Query<PageQuery>,
) -> Result<Page<Value>, ApiError> {
    let applications = caller.ams.registry().applications().await?;
    page.with_entries().select(applications, |_| String::new())
}
