//! `GET /1.0/applications/<id>/<version>/manifest`: the manifest of a version.

use aar_types::VersionNumber;
use axum::response::Response;

use crate::http::{auth::Trusted, body::Path, error::ApiError, manifest};

/// Sends it as a file.
pub(in crate::http) async fn of_version(
    caller: Trusted,
    Path((id, version)): Path<(String, VersionNumber)>,
) -> Result<Response, ApiError> {
    let file = caller
        .ams
        .applications()
        .manifest(&id, Some(version))
        .await?;
    Ok(manifest::answer(file))
}
