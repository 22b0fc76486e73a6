//! Manifests as responses: a YAML file with its hash.

use ams_api::headers::MANIFEST_SHA256;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use crate::applications::ManifestFile;

pub(super) fn respond(file: ManifestFile) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE.as_str(),
            "application/octet-stream".to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION.as_str(),
            "attachment; filename=manifest.yaml".to_owned(),
        ),
        (MANIFEST_SHA256, file.sha256.to_string()),
    ];
    (headers, file.text).into_response()
}
