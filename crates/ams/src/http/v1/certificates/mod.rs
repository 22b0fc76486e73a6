//! The trusted certificates.

pub(in crate::http) mod add;
pub(in crate::http) mod get;
pub(in crate::http) mod list;
pub(in crate::http) mod remove;

use aar_types::Fingerprint;

const KIND: &str = "certificates";

fn address(fingerprint: &Fingerprint) -> String {
    format!("/1.0/certificates/{fingerprint}")
}

fn show(certificate: &aar_tls::Certificate) -> ams_api::Certificate {
    ams_api::Certificate {
        certificate: certificate.to_base64(),
        fingerprint: certificate.fingerprint().to_string(),
    }
}
