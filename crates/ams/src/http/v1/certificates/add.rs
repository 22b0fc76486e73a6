//! `POST /1.0/certificates`: trusts a certificate: the one in the body, or that of the caller. A caller
//! that is not trusted has to send the trust password.

use aar_tls::Certificate;
use ams_api::CertificatesPost;
use axum::{body::Body, response::Response};

use super::{KIND, address};
use crate::{
    Error,
    http::{auth::AnyCaller, envelope, error::ApiError},
    operations::NewOperation,
};

pub(in crate::http) async fn add(caller: AnyCaller, body: Body) -> Result<Response, ApiError> {
    let body: CertificatesPost = caller.read_json(body).await?;
    let certificate = || read(&caller, &body.certificate);
    let (ams, certificate) = caller.enrol(&body.trust_password, certificate).await?;
    let address = address(&certificate.fingerprint());
    let new = NewOperation::on("Adding certificate", KIND, address);
    Ok(envelope::accepted(&ams.operations().completed(new)))
}

fn read(caller: &AnyCaller, text: &str) -> Result<Certificate, ApiError> {
    if text.trim().is_empty() {
        return caller.certificate().cloned().ok_or_else(no_certificate);
    }
    Ok(Certificate::read(text.as_bytes()).map_err(Error::from)?)
}

fn no_certificate() -> ApiError {
    ApiError::BadRequest("certificate: the body has none, and the caller shows none".to_owned())
}
