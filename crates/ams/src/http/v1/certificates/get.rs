//! `GET /1.0/certificates/<fingerprint>`: a trusted certificate. The first digits of the
//! fingerprint are enough.

use aar_types::FingerprintPrefix;
use axum::{http::HeaderMap, response::Response};

use super::show;
use crate::{
    Error,
    http::{auth::Trusted, body::Path, error::ApiError, etag::ETag},
};

/// Shows it.
pub(in crate::http) async fn get(
    caller: Trusted,
    Path(prefix): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let prefix: FingerprintPrefix = prefix.parse()?;
    let found = caller.ams.trust().find(&prefix)?;
    let certificate = found.ok_or_else(|| Error::CertificateNotFound(prefix.to_string()))?;
    let certificate = show(&certificate);
    ETag::of(&certificate)?.answer(&certificate, &headers)
}
