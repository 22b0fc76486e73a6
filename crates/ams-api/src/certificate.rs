use serde::{Deserialize, Serialize};

/// A certificate in the trust store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// Its DER form in base64, without header and footer.
    pub certificate: String,
    /// Its SHA-256, in hexadecimal digits.
    pub fingerprint: String,
}

/// The request that adds a certificate to the trust store.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CertificatesPost {
    /// Its DER form in base64, without header and footer. Empty for the one that the caller shows.
    pub certificate: String,
    /// The trust password, with which a caller who is not trusted enrols itself.
    #[serde(rename = "trust-password", alias = "trust_password")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trust_password: String,
}

impl std::fmt::Debug for CertificatesPost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificatesPost")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}
