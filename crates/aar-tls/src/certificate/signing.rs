//! Certificates that may sign others. Trust is in single certificates, so what they sign is not trusted.

use x509_parser::prelude::X509Certificate;

use super::Certificate;
use crate::Error;

/// The permitted uses of the key of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    Connections,
    /// Connections and other certificates, such as self-signed certificates of OpenSSL.
    Both,
    /// Other certificates, as that of an authority.
    Certificates,
}

impl Signing {
    pub(super) fn of(parsed: &X509Certificate<'_>) -> Self {
        let constraints = parsed.basic_constraints().ok().flatten();
        let usage = parsed.key_usage().ok().flatten();
        match (constraints.is_some_and(|c| c.value.ca), usage) {
            (false, _) => Self::Connections,
            (true, Some(usage)) if !usage.value.digital_signature() => Self::Certificates,
            (true, _) => Self::Both,
        }
    }
}

impl Certificate {
    /// Whether it may sign other certificates, which are not trusted because of it.
    pub fn may_sign_others(&self) -> bool {
        self.0.signing != Signing::Connections
    }

    /// Refuses the certificate of an authority: no client connects with it, and what it signs is not trusted.
    pub(super) fn check_signing(&self) -> Result<(), Error> {
        match self.0.signing {
            Signing::Certificates => Err(Error::Authority),
            Signing::Connections | Signing::Both => Ok(()),
        }
    }
}
