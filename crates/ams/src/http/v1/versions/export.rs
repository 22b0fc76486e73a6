//! `GET /1.0/applications/<id>/<version>`: the image of a version, as a file.

use aar_types::VersionNumber;
use ams_api::headers;
use axum::{
    http::{HeaderMap, HeaderValue},
    response::Response,
};
use fs_err::tokio::File;

use crate::http::{auth::Trusted, body::Path, download::Download, error::ApiError};

/// Sends it, with its hash.
pub(in crate::http) async fn export(
    caller: Trusted,
    Path((id, version)): Path<(String, VersionNumber)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let image = caller.ams.applications().export(&id, version).await?;
    let download = Download {
        file: File::open(&image.path).await?,
        size: image.size,
        digest: image.digest,
        file_name: image.file_name,
    };
    let fingerprint = HeaderValue::try_from(download.digest.to_string());
    let fingerprint = fingerprint.map_err(ApiError::internal)?;
    let mut response = download.answer(&headers).await?;
    response
        .headers_mut()
        .insert(headers::FINGERPRINT, fingerprint);
    Ok(response)
}
