//! Uploads of images.

pub(in crate::http) mod append;
pub(in crate::http) mod create;
pub(in crate::http) mod options;
pub(in crate::http) mod remove;
pub(in crate::http) mod show;

use aar_registry::Upload;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;

use crate::http::tus;

/// Adds the state of an upload to a response.
fn upload_response(upload: &Upload, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    let headers = response.headers_mut();
    headers.insert(tus::OFFSET, HeaderValue::from(upload.offset));
    if let Some(moment) = tus::http_date(upload.expires_at).filter(|_| !upload.complete) {
        headers.insert(tus::EXPIRES, moment);
    }
    response
}
