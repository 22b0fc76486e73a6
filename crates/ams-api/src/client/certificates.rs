use aar_types::Fingerprint;
use http::Method;
use serde_json::json;

use super::AmsClient;
use crate::{Certificate, CertificatesPost, Error, Operation};

impl AmsClient {
    /// Lists the trusted certificates.
    pub async fn certificates(&self) -> Result<Vec<Certificate>, Error> {
        self.list("/1.0/certificates?recursion=1").await
    }

    /// Trusts a certificate. A client that AMS does not trust needs the trust password.
    pub async fn add_certificate(
        &self,
        certificate: &aar_tls::Certificate,
        trust_password: &str,
    ) -> Result<Option<Operation>, Error> {
        let body = CertificatesPost {
            certificate: certificate.to_base64(),
            trust_password: trust_password.to_owned(),
        };
        self.change(Method::POST, "/1.0/certificates", &body).await
    }

    /// Stops trusting a certificate.
    pub async fn remove_certificate(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Operation>, Error> {
        let path = format!("/1.0/certificates/{fingerprint}");
        self.change(Method::DELETE, &path, &json!({})).await
    }
}
