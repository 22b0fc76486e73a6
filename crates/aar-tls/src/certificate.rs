use std::{fmt, sync::Arc};

use aar_types::Fingerprint;
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use rustls::pki_types::{
    CertificateDer,
    pem::{PemObject, SectionKind},
};
use sha2::{Digest, Sha256};
use x509_parser::{prelude::X509Certificate, time::ASN1Time};

use crate::Error;

/// One X.509 certificate, parsed once. Cheap to clone.
#[derive(Clone)]
pub struct Certificate(Arc<Facts>);

struct Facts {
    der: CertificateDer<'static>,
    fingerprint: Fingerprint,
    subject: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Whether a certificate is within its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It is.
    Valid,
    /// Its time has not begun.
    NotYetValid,
    /// Its time is over.
    Expired,
}

impl Certificate {
    /// Reads a certificate in DER form.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let malformed = |reason: String| Error::Malformed { reason };
        let (rest, parsed) =
            x509_parser::parse_x509_certificate(der).map_err(|e| malformed(e.to_string()))?;
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes too many", rest.len())));
        }
        Ok(Self(Arc::new(Facts::of(der, &parsed))))
    }

    /// Reads the first certificate of a text in PEM form. The base64 of one certificate without
    /// header and footer, as it travels in JSON, is accepted too.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        match Self::chain_from_pem(text)?.into_iter().next() {
            Some(first) => Ok(first),
            None => Self::from_base64(text),
        }
    }

    /// Every certificate of a text in PEM form, in order; none where it holds no PEM block.
    pub(crate) fn chain_from_pem(text: &str) -> Result<Vec<Self>, Error> {
        let mut chain = Vec::new();
        let mut other = None;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            match section {
                Ok((SectionKind::Certificate, der)) => chain.push(Self::from_der(&der)?),
                Ok((kind, _)) => other = Some(found_section(kind)),
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
                found: "there is no line -----BEGIN CERTIFICATE----- in it".to_owned(),
            })?;
        Self::from_der(&der)
    }

    /// Who it is: the SHA-256 of its DER form.
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

    /// When its time begins.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// When its time is over.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Whether it is within its time at the given moment.
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

impl Facts {
    fn of(der: &[u8], parsed: &X509Certificate<'_>) -> Self {
        let validity = parsed.validity();
        Self {
            der: CertificateDer::from(der.to_vec()),
            fingerprint: Fingerprint::from_bytes(Sha256::digest(der).into()),
            subject: parsed.subject().to_string(),
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
        }
    }
}

/// Certificates without an end carry the last second of the year 9999, which is a little beyond
/// what a [`Timestamp`] holds.
fn timestamp(time: ASN1Time) -> Timestamp {
    let seconds = time.timestamp();
    let limit = if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_second(seconds).unwrap_or(limit)
}

fn found_section(kind: SectionKind) -> String {
    match kind {
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
            "it holds a private key, which should stay where it is".to_owned()
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
