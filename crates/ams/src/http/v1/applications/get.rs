//! `GET /1.0/applications/<id>`: shows an application with its versions.

use axum::{http::HeaderMap, response::Response};

use super::{entitlements::EntitlementsQuery, find, response::ApplicationResponse};
use crate::http::{
    auth::TrustedCaller,
    body::{Path, Query},
    error::ApiError,
    state_tag::{show_tagged, state_tag},
};

pub(in crate::http) async fn get(
    caller: TrustedCaller,
    Path(id): Path<String>,
    Query(entitlements): Query<EntitlementsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut application = find(&caller.ams, &id).await?;
    // The tag does not depend on the entitlements, which are not part of the resource.
    let tag = state_tag(&application)?;
    entitlements.attach(&mut application);
    let response = ApplicationResponse(application);
    Ok(show_tagged(&tag, &response, &headers))
}
