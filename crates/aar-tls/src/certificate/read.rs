//! Certificates in the forms that editors, browsers and tools write.

use std::io::Read;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Certificate,
    pem::{self, Block},
    sequence_content,
};
use crate::Error;

/// Larger than any certificate.
const MAX_BYTES: u64 = 1 << 20;
/// The content types of PKCS#7 and PKCS#12 files: 1.2.840.113549.1.7 and the last part.
const PKCS7_SIGNED: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const PKCS7_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";

impl Certificate {
    /// Reads a certificate that is to be trusted: exactly one, in PEM, base64 or DER form, with a
    /// key that connections can be verified with.
    pub fn read_from(source: impl Read) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::not_a_certificate("it is larger than 1 MiB"));
        }
        Self::read(&bytes)
    }

    /// Like [`read_from`](Self::read_from).
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let certificate = one(all(bytes)?)?;
        certificate.check_key()?;
        certificate.check_signing()?;
        certificate.check_dates()?;
        Ok(certificate)
    }

    /// Reads one certificate, in the same forms, whatever its key.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        one(all(text.as_bytes())?)
    }

    /// All certificates of a file, in order. At least one.
    pub(crate) fn chain_from(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        all(bytes)
    }
}

fn all(bytes: &[u8]) -> Result<Vec<Certificate>, Error> {
    if is_der(bytes) {
        return Ok(vec![from_der(bytes)?]);
    }
    let text = decode_text(bytes);
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::not_a_certificate("the text is empty"));
    }
    let blocks = pem::blocks(text)?;
    if blocks.is_empty() {
        return Ok(vec![from_base64(text)?]);
    }
    from_blocks(&blocks)
}

/// A sequence. Text does not start with a long one, and a short one has its length.
fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x80..=0x84, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}

/// Windows tools write a byte order mark, and UTF-16.
fn decode_text(bytes: &[u8]) -> String {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<_> = rest.chunks_exact(2).map(|c| unit([c[0], c[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn from_base64(text: &str) -> Result<Certificate, Error> {
    let compact: String = text.split_ascii_whitespace().collect();
    let no_header = "it has no line -----BEGIN CERTIFICATE-----";
    let der = BASE64_STANDARD.decode(compact);
    from_der(&der.map_err(|_| Error::not_a_certificate(no_header))?)
}

fn from_blocks(blocks: &[Block]) -> Result<Vec<Certificate>, Error> {
    let mut found = Vec::new();
    for block in blocks {
        match block.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => found.push(from_der(&block.der)?),
            "TRUSTED CERTIFICATE" => found.push(from_trusted(&block.der)?),
            _ => {}
        }
    }
    match blocks.first() {
        Some(other) if found.is_empty() => {
            Err(Error::not_a_certificate(describe_label(&other.label)))
        }
        _ => Ok(found),
    }
}

/// OpenSSL puts its own settings of trust behind the certificate. They are ignored.
fn from_trusted(der: &[u8]) -> Result<Certificate, Error> {
    let parsed = x509_parser::parse_x509_certificate(der);
    let rest = parsed.map_or(0, |(rest, _)| rest.len());
    Certificate::from_der(&der[..der.len() - rest])
}

fn from_der(der: &[u8]) -> Result<Certificate, Error> {
    Certificate::from_der(der).map_err(|error| match describe_der(der) {
        Some(found) => Error::not_a_certificate(found),
        None => error,
    })
}

fn one(mut found: Vec<Certificate>) -> Result<Certificate, Error> {
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let names = found
        .iter()
        .map(|one| format!("{} ({})", one.subject(), one.fingerprint()));
    Err(Error::SeveralCertificates {
        count: found.len(),
        names: names.collect::<Vec<_>>().join(", "),
    })
}

fn describe_label(label: &str) -> String {
    if label.ends_with("PRIVATE KEY") {
        return PRIVATE_KEY.to_owned();
    }
    match label {
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            "it holds a certificate signing request".to_owned()
        }
        "PKCS7" | "CMS" => PKCS7.to_owned(),
        "X509 CRL" => "it holds a revocation list".to_owned(),
        _ if label.ends_with("PUBLIC KEY") => "it holds a public key".to_owned(),
        other => format!("it holds a PEM block {other}"),
    }
}

const PRIVATE_KEY: &str = "it holds a private key, which must not be shared";
const PKCS7: &str = "it holds a PKCS#7 bundle: extract the certificate, for example with \
                     `openssl pkcs7 -print_certs`";
const PKCS12: &str = "it holds a PKCS#12 store (.p12, .pfx), usually with a private key: extract the \
                      certificate with `openssl pkcs12 -clcerts -nokeys`";

/// Other files in DER form, by their first elements.
fn describe_der(der: &[u8]) -> Option<&'static str> {
    let content = sequence_content(der)?;
    let start = &der[..der.len().min(64)];
    let has = |oid: &[u8]| start.windows(oid.len()).any(|window| window == oid);
    match content {
        [0x06, ..] if has(PKCS7_SIGNED) => Some(PKCS7),
        [0x02, 0x01, 0x03, ..] if has(PKCS7_DATA) || has(PKCS7_SIGNED) => Some(PKCS12),
        [0x02, 0x01, 0x00 | 0x01, ..] => Some(PRIVATE_KEY),
        _ if is_request(der) => Some("it holds a certificate signing request"),
        _ => None,
    }
}

fn is_request(der: &[u8]) -> bool {
    use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer};
    X509CertificationRequest::from_der(der).is_ok()
}
