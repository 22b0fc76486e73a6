//! `GET /1.0/applications/<id>/<version>/manifest`: sends the manifest of a version.

use axum::response::Response;

use super::VersionPath;
use crate::http::{auth::TrustedCaller, error::ApiError, manifest};

pub(in crate::http) async fn of_version(
    caller: TrustedCaller,
    VersionPath { id, number }: VersionPath,
) -> Result<Response, ApiError> {
    let file = caller
        .ams
        .applications()
        .manifest(&id, Some(number))
        .await?;
    Ok(manifest::respond(file))
}
