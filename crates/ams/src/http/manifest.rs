//! Manifests as answers: a YAML file with its hash.

use ams_api::headers::MANIFEST_SHA256;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use crate::applications::ManifestFile;

/// The answer that is the file.
pub(super) fn answer(file: ManifestFile) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE.as_str(),
            "application/octet-stream".to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION.as_str(),
            "attachment; filename=\"manifest.yaml\"".to_owned(),
        ),
        (MANIFEST_SHA256, file.sha256.to_string()),
    ];
    (headers, file.text).into_response()
}
