//! `GET /1.0/certificates/<fingerprint>`: shows a trusted certificate. Twelve digits of the fingerprint
//! are enough.

use aar_types::FingerprintPrefix;
use axum::{http::HeaderMap, response::Response};

use super::show;
use crate::http::{
    auth::TrustedCaller,
    body::Path,
    error::ApiError,
    state_tag::{show_tagged, state_tag},
};

pub(in crate::http) async fn get(
    caller: TrustedCaller,
    Path(prefix): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let prefix: FingerprintPrefix = prefix.parse()?;
    let certificate = show(&caller.ams.trust().resolve(&prefix)?);
    Ok(show_tagged(
        &state_tag(&certificate)?,
        &certificate,
        &headers,
    ))
}
