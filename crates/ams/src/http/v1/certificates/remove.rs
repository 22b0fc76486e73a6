//! `DELETE /1.0/certificates/<fingerprint>`: removes a certificate from the trust store and cuts its
//! connections. Twelve digits of the fingerprint are enough.

use aar_types::FingerprintPrefix;
use axum::{http::HeaderMap, response::Response};

use super::{KIND, address, show};
use crate::{
    http::{auth::TrustedCaller, body::Path, envelope, error::ApiError, state_tag::check_if_match},
    operations::NewOperation,
};

pub(in crate::http) async fn remove(
    caller: TrustedCaller,
    Path(prefix): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let prefix: FingerprintPrefix = prefix.parse()?;
    let trust = caller.ams.trust();
    let meant = trust.resolve(&prefix)?;
    check_if_match(&show(&meant), &headers)?;
    let removed = trust.remove(&prefix).await?;
    let address = address(&removed.fingerprint());
    let new = NewOperation::on("Removing certificate", KIND, address);
    Ok(envelope::accepted(&caller.ams.operations().completed(new)))
}
