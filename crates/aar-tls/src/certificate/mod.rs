mod key;
mod pem;
mod read;
mod signing;
mod subject;

use std::{fmt, sync::Arc};

use aar_types::Fingerprint;
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::{prelude::X509Certificate, time::ASN1Time};

pub use self::subject::common_name_of;
use self::{key::CertificateKey, signing::Signing};
use crate::Error;

/// One X.509 certificate, parsed once. Cheap to clone.
#[derive(Clone)]
pub struct Certificate(Arc<CertificateParts>);

struct CertificateParts {
    der: CertificateDer<'static>,
    fingerprint: Fingerprint,
    subject: String,
    common_name: Option<String>,
    key: CertificateKey,
    signing: Signing,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// The end of certificates without expiry, in whole seconds, like all dates of certificates. They end with
/// the last second of the year 9999 (RFC 5280), which is slightly beyond the range of [`Timestamp`].
pub const NO_EXPIRY: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// Whether a certificate is valid at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    Valid,
    /// Its validity has not begun.
    NotYetValid,
    /// Its validity is over.
    Expired,
}

/// Why bytes are no certificate.
fn reason(der: &[u8], error: &impl fmt::Display) -> String {
    match declared_length(der) {
        Some(length) if length > der.len() => {
            format!("it is cut off after {} of {length} bytes", der.len())
        }
        _ => error.to_string(),
    }
}

/// The whole length of a sequence, by its header.
fn declared_length(der: &[u8]) -> Option<usize> {
    match der {
        [0x30, length @ 0..=0x7f, ..] => Some(2 + usize::from(*length)),
        [0x30, count @ 0x81..=0x84, rest @ ..] => {
            let count = usize::from(count & 0x7f);
            let bytes = rest.get(..count)?.iter();
            let length = bytes.fold(0, |length, byte| length << 8 | usize::from(*byte));
            Some(2 + count + length)
        }
        _ => None,
    }
}

impl Certificate {
    /// Reads a certificate in DER form.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let malformed = |reason: String| Error::Malformed { reason };
        let (rest, parsed) =
            x509_parser::parse_x509_certificate(der).map_err(|e| malformed(reason(der, &e)))?;
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes follow it", rest.len())));
        }
        if declared_length(der) != Some(der.len()) {
            return Err(malformed("its length is not in DER form".to_owned()));
        }
        Ok(Self(Arc::new(CertificateParts::new(der, &parsed))))
    }

    /// The SHA-256 of its DER form.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// The certificate in DER form.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    fn check_dates(&self) -> Result<(), Error> {
        let (not_before, not_after) = (self.not_before(), self.not_after());
        if not_after < not_before {
            return Err(Error::NeverValid {
                not_before,
                not_after,
            });
        }
        Ok(())
    }

    pub(crate) fn to_rustls(&self) -> CertificateDer<'static> {
        self.0.der.clone()
    }

    /// The certificate in PEM form.
    pub fn to_pem(&self) -> String {
        let base64 = self.to_base64();
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        for line in base64.as_bytes().chunks(64) {
            pem.extend(line.iter().copied().map(char::from));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    /// The DER form in base64, without header and footer.
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.der())
    }

    /// The subject's distinguished name, such as `CN=ams0`, with the escapes of RFC 4514.
    pub fn subject(&self) -> String {
        self.0.subject.clone()
    }

    /// The common name of its subject, without escapes.
    pub fn common_name(&self) -> Option<&str> {
        self.0.common_name.as_deref()
    }

    /// The start of its validity.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// The end of its validity; [`NO_EXPIRY`] if it does not expire.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Whether it is valid at a moment.
    pub fn validity_at(&self, now: Timestamp) -> Validity {
        if now < self.0.not_before {
            Validity::NotYetValid
        } else if now > self.0.not_after && self.0.not_after != NO_EXPIRY {
            Validity::Expired
        } else {
            Validity::Valid
        }
    }
}

impl CertificateParts {
    fn new(der: &[u8], parsed: &X509Certificate<'_>) -> Self {
        let validity = parsed.validity();
        Self {
            der: CertificateDer::from(der.to_vec()),
            fingerprint: fingerprint_of(der),
            subject: subject::distinguished_name(parsed.subject()),
            common_name: subject::common_name(parsed.subject()),
            key: CertificateKey::new(parsed.public_key()),
            signing: Signing::of(parsed),
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
        }
    }
}

/// The content of a sequence in DER form.
fn sequence_content(der: &[u8]) -> Option<&[u8]> {
    match der {
        [0x30, 0..=0x7f, content @ ..] => Some(content),
        [0x30, length @ 0x80..=0x84, rest @ ..] => rest.get(usize::from(length & 0x7f)..),
        _ => None,
    }
}

fn fingerprint_of(der: &[u8]) -> Fingerprint {
    Fingerprint::from_bytes(*aar_fs::digest_of(der).as_bytes())
}

fn timestamp(time: ASN1Time) -> Timestamp {
    let seconds = time.timestamp();
    let limit = if seconds < 0 {
        Timestamp::MIN
    } else {
        NO_EXPIRY
    };
    Timestamp::from_second(seconds).unwrap_or(limit)
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("fingerprint", &self.0.fingerprint)
            .field("subject", &self.0.subject)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
