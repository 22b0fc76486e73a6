//! Images on their way in.

pub(in crate::http) mod append;
pub(in crate::http) mod create;
pub(in crate::http) mod options;
pub(in crate::http) mod remove;
pub(in crate::http) mod show;

use aar_registry::Upload;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;

use super::super::tus;

/// An answer that tells how an upload stands.
fn standing(upload: &Upload, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(tus::OFFSET, HeaderValue::from(upload.offset));
    if let Some(moment) = tus::http_date(upload.expires_at).filter(|_| !upload.complete) {
        headers.insert(tus::EXPIRES, moment);
    }
    response
}
