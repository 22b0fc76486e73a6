//! `GET /1.0/certificates`: lists the trusted certificates.

use serde_json::Value;

use super::show;
use crate::http::{
    auth::TrustedCaller, body::Query, envelope::Page, error::ApiError, page_query::PageQuery,
};

pub(in crate::http) async fn list(
    caller: TrustedCaller,
    Query(page): Query<PageQuery>,
) -> Result<Page<Value>, ApiError> {
    let certificates = caller.ams.trust().list().iter().map(show).collect();
    page.select(certificates, |known: &ams_api::Certificate| {
        format!("/1.0/certificates/{}", known.fingerprint)
    })
}
