//! `POST /1.0/certificates`: trusts a certificate. Who is not trusted yet has to give the trust
//! password.

use aar_tls::Certificate;
use ams_api::CertificatesPost;
use axum::response::Response;

use super::{KIND, address};
use crate::{
    Error,
    http::{auth::Anyone, body::JsonBody, envelope, error::ApiError},
    operations::NewOperation,
};

/// Adds it: the one in the body, or without one that of the caller.
pub(in crate::http) async fn add(
    caller: Anyone,
    JsonBody(body): JsonBody<CertificatesPost>,
) -> Result<Response, ApiError> {
    let given = || read(&caller, &body.certificate);
    let (ams, certificate) = caller.enrol(&body.trust_password, given).await?;
    let address = address(&certificate.fingerprint());
    let new = NewOperation::on("Adding certificate", KIND, address);
    Ok(envelope::accepted(&ams.operations().completed(new)))
}

fn read(caller: &Anyone, text: &str) -> Result<Certificate, ApiError> {
    if text.trim().is_empty() {
        return caller.certificate().cloned().ok_or_else(none_given);
    }
    Ok(Certificate::from_pem(text).map_err(Error::from)?)
}

fn none_given() -> ApiError {
    ApiError::BadRequest("certificate: there is none in the body, and none was shown".to_owned())
}
