//! Reads pasted PEM: with lines of another width, with trailing spaces, or folded into one line by YAML.

use base64::{Engine, prelude::BASE64_STANDARD};
use rsa::{
    RsaPrivateKey, pkcs1::DecodeRsaPrivateKey, pkcs8::DecodePrivateKey, traits::PublicKeyParts,
};

use crate::CloudFrontProblem;

const ENCRYPTED: &str = "ENCRYPTED";
/// The minimum of CloudFront.
const MIN_BITS: usize = 2048;

pub(super) fn private_key(pem: &str) -> Result<RsaPrivateKey, CloudFrontProblem> {
    // Secrets in JSON or in the environment have line breaks as two characters.
    let pem = &pem.replace("\\r", "").replace("\\n", "\n");
    let (label, body) = only_part(pem).ok_or(CloudFrontProblem::PrivateKey)?;
    // PKCS#1 has this mark in a header above the base64.
    if label.contains(ENCRYPTED) || body.contains(ENCRYPTED) {
        return Err(CloudFrontProblem::EncryptedKey);
    }
    let base64: String = body.split_whitespace().collect();
    let der = BASE64_STANDARD.decode(base64);
    let der = der.map_err(|_| CloudFrontProblem::PrivateKey)?;
    let key = RsaPrivateKey::from_pkcs8_der(&der)
        .or_else(|_| RsaPrivateKey::from_pkcs1_der(&der).map_err(drop))
        .map_err(|()| CloudFrontProblem::PrivateKey)?;
    match key.n().bits() {
        bits if bits < MIN_BITS => Err(CloudFrontProblem::ShortKey { bits }),
        _ => Ok(key),
    }
}

/// The label and the content, if there is exactly one block.
fn only_part(pem: &str) -> Option<(&str, &str)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, rest) = rest.split_once("-----END ")?;
    let (end, rest) = rest.split_once("-----")?;
    (label == end && !rest.contains("-----BEGIN ")).then_some((label, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 2] = [
        include_str!("../testdata/pkcs1.pem"),
        include_str!("../testdata/pkcs8.pem"),
    ];

    fn body(pem: &str) -> String {
        only_part(pem).unwrap().1.split_whitespace().collect()
    }

    #[test]
    fn key_is_parsed_with_any_line_breaks() {
        for pem in KEYS {
            let key = private_key(pem).unwrap();
            let narrow: Vec<_> = body(pem)
                .into_bytes()
                .chunks(40)
                .map(<[u8]>::to_vec)
                .collect();
            let narrow = String::from_utf8(narrow.join(&b'\n')).unwrap();
            for changed in [
                pem.replace('\n', "  \n"),
                pem.replace('\n', "\r\n"),
                pem.replace('\n', "\\n"),
                pem.replace('\n', "\\r\\n"),
                pem.replace('\n', " "),
                pem.replace('\n', ""),
                format!("  {}", pem.replace('\n', "\n  ")),
                pem.replace(only_part(pem).unwrap().1, &format!("\n{narrow}\n")),
            ] {
                assert_eq!(private_key(&changed), Ok(key.clone()), "{changed}");
            }
        }
    }

    #[test]
    fn incomplete_key_is_refused() {
        let part = KEYS[0].split_at(600).0;
        let twice = KEYS.concat();
        let cut = KEYS[1].replace("-----END PRIVATE KEY-----", "");
        let other = KEYS[1].replace(&body(KEYS[1])[..8], "????????");
        for pem in [
            "",
            "k",
            "-----BEGIN NOTHING-----",
            part,
            &twice,
            &cut,
            &other,
        ] {
            assert_eq!(
                private_key(pem),
                Err(CloudFrontProblem::PrivateKey),
                "{pem}"
            );
        }
    }

    #[test]
    fn encrypted_key_is_named() {
        let new =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIF\n-----END ENCRYPTED PRIVATE KEY-----";
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                   DEK-Info: AES-256-CBC,00\n\nMIIF\n-----END RSA PRIVATE KEY-----";
        for pem in [new, old] {
            assert_eq!(private_key(pem), Err(CloudFrontProblem::EncryptedKey));
        }
    }

    #[test]
    fn short_key_is_refused_with_its_length() {
        let short = include_str!("../testdata/short.pem");
        let refused = private_key(short);
        assert_eq!(refused, Err(CloudFrontProblem::ShortKey { bits: 1024 }));
    }
}
