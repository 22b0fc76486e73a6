//! `PATCH /1.0/applications/<id>`: with a package (`application/octet-stream`) a new version, with
//! JSON a change of attributes. An empty body changes nothing but is accepted. The tag in the
//! answer is that of the application once the change has begun.

use ams_api::ApplicationPatch;
use axum::{
    body::Body,
    http::{HeaderMap, header},
    response::Response,
};

use super::expect_state;
use crate::{
    Ams,
    http::{
        auth::Trusted,
        body::{Path, read_json},
        envelope,
        error::ApiError,
        etag::ETag,
        upload,
    },
    staging::StagedFile,
};

const PACKAGE: &str = "application/octet-stream";

/// Begins the change.
pub(in crate::http) async fn update(
    caller: Trusted,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    // Whoever is refused is refused before the body is read, which may be long.
    expect_state(&caller.ams, &id, &headers).await?;
    let change = read(&caller.ams, &headers, body).await?;
    let _one_at_a_time = caller.hold_changes().await;
    let application = expect_state(&caller.ams, &id, &headers).await?;
    let applications = caller.ams.applications();
    let operation = match change {
        Change::Package(package) => applications.update(&application.id, package).await?,
        Change::Attributes(patch) => applications.patch(&application.id, *patch).await?,
    };
    let mut response = envelope::accepted(&operation);
    if let Some(changed) = applications.get(&application.id).await? {
        ETag::of(&changed)?.tag(&mut response)?;
    }
    Ok(response)
}

enum Change {
    Package(StagedFile),
    Attributes(Box<ApplicationPatch>),
}

async fn read(ams: &Ams, headers: &HeaderMap, body: Body) -> Result<Change, ApiError> {
    if is_package(headers) {
        upload::receive(ams, headers, body)
            .await
            .map(Change::Package)
    } else {
        let patch = read_json(body).await;
        patch
            .map(Change::Attributes)
            .map_err(|refused| hint(refused, headers))
    }
}

/// Who sends something else than JSON, and does not call it JSON, most likely sends a package.
fn hint(refused: ApiError, headers: &HeaderMap) -> ApiError {
    if kind(headers).is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return refused;
    }
    ApiError::BadRequest(format!(
        "{refused}; a package is sent with Content-Type: {PACKAGE}"
    ))
}

fn is_package(headers: &HeaderMap) -> bool {
    kind(headers).is_some_and(|kind| kind.eq_ignore_ascii_case(PACKAGE))
}

fn kind(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    kind.split(';').next().map(str::trim)
}
