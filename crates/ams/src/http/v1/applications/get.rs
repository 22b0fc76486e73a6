//! `GET /1.0/applications/<id>`: an application with its versions.

use axum::{http::HeaderMap, response::Response};

use super::{entitlements::Wanted, find, shown::Shown};
use crate::http::{
    auth::Trusted,
    body::{Path, Query},
    error::ApiError,
    etag::ETag,
};

/// Shows it. Its tag does not depend on what is shown beside it.
pub(in crate::http) async fn get(
    caller: Trusted,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut application = find(&caller.ams, &id).await?;
    let tag = ETag::of(&application)?;
    wanted.attach(&mut application);
    tag.answer(&Shown(application), &headers)
}
