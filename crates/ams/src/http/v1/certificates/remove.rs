//! `DELETE /1.0/certificates/<fingerprint>`: trusts a certificate no longer. Its open connections
//! are cut. At least the first twelve digits of the fingerprint are needed.

use aar_types::FingerprintPrefix;
use axum::{http::HeaderMap, response::Response};

use super::{KIND, address, show};
use crate::{
    http::{auth::Trusted, body::Path, envelope, error::ApiError, etag::ETag},
    operations::NewOperation,
};

/// Removes it.
pub(in crate::http) async fn remove(
    caller: Trusted,
    Path(prefix): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let prefix: FingerprintPrefix = prefix.parse()?;
    let trust = caller.ams.trust();
    let meant = trust.resolve(&prefix)?;
    ETag::of(&show(&meant))?.check_if_match(&headers)?;
    let removed = trust.remove(&prefix).await?;
    let address = address(&removed.fingerprint());
    let new = NewOperation::on("Removing certificate", KIND, address);
    Ok(envelope::accepted(&caller.ams.operations().completed(new)))
}
