//! The keys that connections can be verified with: those of the cryptography provider.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519,
    ParsedPublicKey, RSA_PSS_2048_8192_SHA256, VerificationAlgorithm,
};
use rustls::{SignatureScheme, pki_types::SubjectPublicKeyInfoDer};
use x509_parser::{asn1_rs::Tag, prelude::SubjectPublicKeyInfo, public_key::PublicKey};

use super::{Certificate, sequence_content};
use crate::{Error, provider::provider};

const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A public key in DER form, with the reason if it cannot be used.
pub(super) struct CertificateKey {
    der: SubjectPublicKeyInfoDer<'static>,
    problem: Option<String>,
}

impl CertificateKey {
    pub(super) fn new(info: &SubjectPublicKeyInfo<'_>) -> Self {
        Self {
            der: SubjectPublicKeyInfoDer::from(info.raw.to_vec()),
            problem: problem(info),
        }
    }
}

impl Certificate {
    /// Refuses a key that TLS cannot verify a connection with.
    pub(crate) fn check_key(&self) -> Result<(), Error> {
        match &self.0.key.problem {
            Some(problem) => Err(Error::KeyNotSupported {
                problem: problem.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The public key, in the form of its certificate.
    pub(crate) fn public_key(&self) -> &SubjectPublicKeyInfoDer<'static> {
        &self.0.key.der
    }
}

fn problem(info: &SubjectPublicKeyInfo<'_>) -> Option<String> {
    let Some(scheme) = scheme_of(info) else {
        return Some(describe(info));
    };
    let bits = match info.parsed() {
        Ok(PublicKey::RSA(rsa)) => rsa_bits(rsa.modulus),
        _ => *RSA_BITS.start(),
    };
    if !RSA_BITS.contains(&bits) {
        let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
        return Some(format!(
            "its RSA key has {bits} bits: use {least} to {most}"
        ));
    }
    let algorithm = algorithm_of(scheme)?;
    let parsed = ParsedPublicKey::new(algorithm, &info.subject_public_key.data);
    parsed.err().map(|_| "its public key is damaged".to_owned())
}

fn rsa_bits(modulus: &[u8]) -> usize {
    let significant = modulus.iter().skip_while(|byte| **byte == 0);
    let first = significant.clone().next().map_or(0, |b| b.leading_zeros());
    significant.count() * 8 - first as usize
}

/// The scheme of TLS 1.3 by which the provider verifies signatures of the key.
fn scheme_of(info: &SubjectPublicKeyInfo<'_>) -> Option<SignatureScheme> {
    let algorithm = algorithm_identifier(info)?;
    let known = provider().signature_verification_algorithms.mapping;
    let mut fitting = known.iter().filter(|(scheme, verifiers)| {
        is_of_tls13(*scheme)
            && verifiers
                .first()
                .is_some_and(|verifier| verifier.public_key_alg_id().as_ref() == algorithm)
    });
    fitting.next().map(|(scheme, _)| *scheme)
}

fn is_of_tls13(scheme: SignatureScheme) -> bool {
    !matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
            | SignatureScheme::ECDSA_SHA1_Legacy
    )
}

fn algorithm_of(scheme: SignatureScheme) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256 => &ECDSA_P256_SHA256_ASN1,
        SignatureScheme::ECDSA_NISTP384_SHA384 => &ECDSA_P384_SHA384_ASN1,
        SignatureScheme::ECDSA_NISTP521_SHA512 => &ECDSA_P521_SHA512_ASN1,
        SignatureScheme::ED25519 => &ED25519,
        SignatureScheme::RSA_PSS_SHA256
        | SignatureScheme::RSA_PSS_SHA384
        | SignatureScheme::RSA_PSS_SHA512 => &RSA_PSS_2048_8192_SHA256,
        _ => return None,
    })
}

/// The content of the algorithm's sequence, as the provider writes it.
fn algorithm_identifier<'a>(info: &SubjectPublicKeyInfo<'a>) -> Option<&'a [u8]> {
    let outer = sequence_content(info.raw)?;
    let length = usize::from(*outer.get(1)?);
    sequence_content(outer)?.get(..length)
}

fn describe(info: &SubjectPublicKeyInfo<'_>) -> String {
    let parameters = info.algorithm.parameters.as_ref();
    let curve = parameters.filter(|parameters| parameters.tag() == Tag::Oid);
    let curve = curve.and_then(|parameters| parameters.as_oid().ok());
    let kind = match info.algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.10045.2.1" => match curve {
            Some(curve) => format!("EC on the curve {}", curve_name(&curve.to_id_string())),
            None => "EC with explicit parameters instead of a named curve".to_owned(),
        },
        "1.2.840.113549.1.1.1" => "RSA with unusual parameters".to_owned(),
        "1.2.840.113549.1.1.10" => "RSA-PSS only".to_owned(),
        "1.2.840.10040.4.1" => "DSA".to_owned(),
        "1.3.101.113" => "Ed448".to_owned(),
        "1.3.101.110" | "1.3.101.111" => "for key agreement, not for signatures".to_owned(),
        other => format!("of the unknown kind {other}"),
    };
    format!("its key is {kind}: use RSA, Ed25519, or EC on P-256, P-384 or P-521")
}

fn curve_name(oid: &str) -> &str {
    match oid {
        "1.3.132.0.10" => "secp256k1",
        "1.3.132.0.33" => "secp224r1",
        "1.2.840.10045.3.1.1" => "P-192",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        other => other,
    }
}
