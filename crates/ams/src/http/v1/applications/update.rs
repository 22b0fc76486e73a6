//! `PATCH /1.0/applications/<id>`: with a package (`application/octet-stream`) a new version, with
//! JSON a change of attributes. An empty body changes nothing but is accepted. The tag in the
//! answer is that of the application once the change has begun.

use axum::{
    body::Body,
    http::{HeaderMap, header},
    response::Response,
};

use super::find;
use crate::http::{
    auth::Trusted,
    body::{Path, read_json},
    envelope,
    error::ApiError,
    etag::ETag,
    upload,
};

/// Begins the change.
pub(in crate::http) async fn update(
    caller: Trusted,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let applications = caller.ams.applications();
    let before = find(&caller.ams, &id).await?;
    ETag::of(&before)?.check_if_match(&headers)?;
    let operation = if is_package(&headers) {
        let package = upload::receive(&caller.ams, &headers, body).await?;
        applications.update(&id, package).await?
    } else {
        applications.patch(&id, read_json(body).await?).await?
    };
    let mut response = envelope::accepted(&operation);
    if let Some(after) = applications.get(&before.id).await? {
        ETag::of(&after)?.tag(&mut response)?;
    }
    Ok(response)
}

fn is_package(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/octet-stream"))
}
