use aar_types::FingerprintPrefix;
use serde::{Deserialize, Serialize};

const MIN_DIGITS: usize = 12;

/// So few digits of a fingerprint do not remove a certificate: a typing error could select one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is too short to select a certificate: use the fingerprint, or at least its first \
     {MIN_DIGITS} digits"
)]
pub struct FingerprintPrefixTooShort(FingerprintPrefix);

impl FingerprintPrefixTooShort {
    /// Refuses a prefix that is too short to remove a certificate.
    pub fn check(prefix: &FingerprintPrefix) -> Result<(), Self> {
        if prefix.as_str().len() < MIN_DIGITS {
            return Err(Self(prefix.clone()));
        }
        Ok(())
    }
}

/// A certificate in the trust store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// The DER encoding in base64, without header and footer.
    pub certificate: String,
    /// The SHA-256 of the DER encoding, in hexadecimal digits.
    pub fingerprint: String,
}

/// The request that adds a certificate to the trust store.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CertificatesPost {
    /// The DER encoding in base64, without header and footer. Empty for the client certificate of this
    /// connection.
    pub certificate: String,
    /// The trust password. Required if AMS does not trust the caller.
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
