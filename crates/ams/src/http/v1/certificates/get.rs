//! `GET /1.0/certificates/<fingerprint>`: a trusted certificate. At least the first twelve
//! digits of the fingerprint are needed.

use aar_types::FingerprintPrefix;
use axum::{http::HeaderMap, response::Response};

use super::show;
use crate::http::{auth::Trusted, body::Path, error::ApiError, etag::ETag};

/// Shows it.
pub(in crate::http) async fn get(
    caller: Trusted,
    Path(prefix): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let prefix: FingerprintPrefix = prefix.parse()?;
    let certificate = show(&caller.ams.trust().resolve(&prefix)?);
    ETag::of(&certificate)?.answer(&certificate, &headers)
}
