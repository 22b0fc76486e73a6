//! `PATCH /1.0/applications/<id>`: a package (`application/octet-stream`) adds a version, JSON changes
//! attributes, and an empty body changes nothing. The tag in the response is that of the application
//! after the change has begun.

use aar_daemon::http::media_type;
use ams_api::ApplicationPatch;
use axum::{
    body::Body,
    http::{HeaderMap, header},
    response::Response,
};

use super::expect_state;
use crate::{
    Ams,
    applications::UploadedPackage,
    http::{
        auth::TrustedCaller,
        body::{MAX_BODY, Path, read_json},
        envelope,
        error::ApiError,
        state_tag::state_tag,
        upload,
    },
};

const PACKAGE: &str = "application/octet-stream";

pub(in crate::http) async fn update(
    caller: TrustedCaller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    // Checked before the body, which may be large, and again under the lock.
    expect_state(&caller.ams, &id, &headers).await?;
    let update = read(&caller.ams, &headers, body).await?;
    let _lock = caller.lock_changes().await;
    let application = expect_state(&caller.ams, &id, &headers).await?;
    let applications = caller.ams.applications();
    let operation = match update {
        UpdateBody::Package(package) => applications.update(&application.id, package).await?,
        UpdateBody::Attributes(patch) => applications.patch(&application.id, *patch).await?,
    };
    let mut response = envelope::accepted(&operation);
    if let Some(changed) = applications.get(&application.id).await? {
        let tag = state_tag(&changed)?.header();
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

enum UpdateBody {
    Package(UploadedPackage),
    Attributes(Box<ApplicationPatch>),
}

async fn read(ams: &Ams, headers: &HeaderMap, body: Body) -> Result<UpdateBody, ApiError> {
    if is_package(headers) {
        upload::receive(ams, headers, body)
            .await
            .map(UpdateBody::Package)
    } else {
        let patch = read_json(body, MAX_BODY).await;
        patch
            .map(UpdateBody::Attributes)
            .map_err(|refused| hint(refused, headers))
    }
}

/// A body that is not JSON and not declared as JSON most likely is a package.
fn hint(refused: ApiError, headers: &HeaderMap) -> ApiError {
    if media_type(headers) == "application/json" {
        return refused;
    }
    ApiError::BadRequest(format!(
        "{refused}; to send a package, set Content-Type: {PACKAGE}"
    ))
}

fn is_package(headers: &HeaderMap) -> bool {
    media_type(headers) == PACKAGE
}
