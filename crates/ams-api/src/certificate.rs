use aar_types::FingerprintPrefix;
use serde::{Deserialize, Serialize};

/// How many digits of a fingerprint are a decision to remove the certificate.
const MEANT: usize = 12;

/// Digits of a fingerprint that do not remove a certificate: so few of them name one by a slip of the
/// finger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is too short to remove a certificate by: it takes the fingerprint, or at least its first \
     {MEANT} digits"
)]
pub struct TooFewDigits(FingerprintPrefix);

impl TooFewDigits {
    /// Whether a certificate may be removed by these digits.
    pub fn check(digits: &FingerprintPrefix) -> Result<(), Self> {
        if digits.as_str().len() < MEANT {
            return Err(Self(digits.clone()));
        }
        Ok(())
    }
}

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
