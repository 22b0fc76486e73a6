//! `GET /1.0/applications/<id>/<version>`: the image of a version, as a file.

use ams_api::headers;
use axum::{
    http::{HeaderMap, HeaderValue},
    response::Response,
};
use fs_err::tokio::File;

use super::Named;
use crate::http::{auth::Trusted, download::Download, error::ApiError};

/// Sends it, with its hash and that of its manifest.
pub(in crate::http) async fn export(
    caller: Trusted,
    Named { id, number }: Named,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let applications = caller.ams.applications();
    let image = applications.export(&id, number).await?;
    let manifest = applications.manifest(&id, Some(number)).await?;
    let download = Download {
        file: File::open(&image.path).await?,
        size: image.size,
        digest: image.digest,
        file_name: image.file_name,
    };
    let hashes = [
        (headers::FINGERPRINT, download.digest),
        (headers::MANIFEST_SHA256, manifest.sha256),
    ];
    let mut response = download.answer(&headers).await?;
    for (name, hash) in hashes {
        let hash = HeaderValue::try_from(hash.to_string()).map_err(ApiError::internal)?;
        response.headers_mut().insert(name, hash);
    }
    Ok(response)
}
