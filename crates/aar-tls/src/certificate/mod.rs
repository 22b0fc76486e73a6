use std::{fmt, sync::Arc};

use aar_types::Fingerprint;
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use rustls::pki_types::{
    CertificateDer,
    pem::{PemObject, SectionKind},
};
use x509_parser::{prelude::X509Certificate, time::ASN1Time};

use crate::Error;

/// One X.509 certificate, parsed once. Cheap to clone.
#[derive(Clone)]
pub struct Certificate(Arc<CertificateParts>);

struct CertificateParts {
    der: CertificateDer<'static>,
    fingerprint: Fingerprint,
    subject: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Whether a certificate is valid at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It is valid.
    Valid,
    /// Its validity has not begun.
    NotYetValid,
    /// Its validity is over.
    Expired,
}

impl Certificate {
    /// Reads a certificate in DER form.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let malformed = |reason: String| Error::Malformed { reason };
        let (rest, parsed) =
            x509_parser::parse_x509_certificate(der).map_err(|e| malformed(e.to_string()))?;
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes follow it", rest.len())));
        }
        Ok(Self(Arc::new(CertificateParts::new(der, &parsed))))
    }

    /// Reads the first certificate of a text in PEM form. Base64 without header and footer, as in JSON
    /// bodies, is accepted too.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        match Self::chain_from_pem(text)?.into_iter().next() {
            Some(first) => Ok(first),
            None => Self::from_base64(text),
        }
    }

    /// All certificates of a text in PEM form, in order; none if it holds no PEM block.
    pub(crate) fn chain_from_pem(text: &str) -> Result<Vec<Self>, Error> {
        let mut chain = Vec::new();
        let mut other = None;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            match section {
                Ok((SectionKind::Certificate, der)) => chain.push(Self::from_der(&der)?),
                Ok((kind, _)) => other = Some(describe_section(kind)),
                Err(broken) => other = Some(format!("the PEM block is broken ({broken:?})")),
            }
        }
        match other {
            Some(found) if chain.is_empty() => Err(Error::NotACertificate {
                found: found.clone(),
            }),
            _ => Ok(chain),
        }
    }

    fn from_base64(text: &str) -> Result<Self, Error> {
        let compact: String = text.split_ascii_whitespace().collect();
        if compact.is_empty() {
            return Err(Error::NotACertificate {
                found: "the text is empty".to_owned(),
            });
        }
        let der = BASE64_STANDARD
            .decode(compact)
            .map_err(|_| Error::NotACertificate {
                found: "it has no line -----BEGIN CERTIFICATE-----".to_owned(),
            })?;
        Self::from_der(&der)
    }

    /// The SHA-256 of its DER form.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// The certificate in DER form.
    pub fn der(&self) -> &[u8] {
        &self.0.der
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

    /// The subject's distinguished name, such as `CN=ams0`.
    pub fn subject(&self) -> String {
        self.0.subject.clone()
    }

    /// The start of its validity.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// The end of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Whether it is valid at a moment.
    pub fn validity_at(&self, now: Timestamp) -> Validity {
        if now < self.0.not_before {
            Validity::NotYetValid
        } else if now > self.0.not_after {
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
            subject: parsed.subject().to_string(),
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
        }
    }
}

fn fingerprint_of(der: &[u8]) -> Fingerprint {
    Fingerprint::from_bytes(*aar_fs::digest_of(der).as_bytes())
}

/// A certificate that does not expire ends with the last second of the year 9999, which is slightly
/// beyond the range of [`Timestamp`].
fn timestamp(time: ASN1Time) -> Timestamp {
    let seconds = time.timestamp();
    let limit = if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_second(seconds).unwrap_or(limit)
}

fn describe_section(kind: SectionKind) -> String {
    match kind {
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
            "it holds a private key, which must not be shared".to_owned()
        }
        SectionKind::Csr => "it holds a certificate signing request".to_owned(),
        SectionKind::PublicKey => "it holds a public key".to_owned(),
        SectionKind::Crl => "it holds a revocation list".to_owned(),
        _ => "it holds something else".to_owned(),
    }
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
