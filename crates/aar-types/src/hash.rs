use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{InvalidValue, text_form};

const HEX: &[u8; 16] = b"0123456789abcdef";

fn write_hex(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn read_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

macro_rules! sha256_type {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(
            feature = "openapi",
            derive(utoipa::ToSchema),
            schema(value_type = String, pattern = "^[0-9a-f]{64}$")
        )]
        pub struct $name([u8; 32]);

        impl $name {
            /// The value with these 32 bytes, the output of SHA-256.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                read_hex(text).map(Self).ok_or_else(|| InvalidValue::new(text, $expected))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        text_form!($name);
    };
}

sha256_type! {
    /// The identity of a certificate or an image: the SHA-256 of the certificate's DER form or of
    /// the image's canonical tar.
    Fingerprint, "a fingerprint (64 hexadecimal digits)"
}

sha256_type! {
    /// The SHA-256 of stored bytes. It names the blob with these bytes.
    Digest, "a digest (64 hexadecimal digits)"
}

impl Fingerprint {
    /// A fingerprint as people paste it: OpenSSL writes capitals with colons, browsers put spaces between
    /// the digits.
    pub fn from_pasted(text: &str) -> Result<Self, InvalidValue> {
        without_separators(text).parse()
    }
}

fn without_separators(text: &str) -> String {
    let is_separator = |c: char| c == ':' || c.is_ascii_whitespace();
    text.chars().filter(|c| !is_separator(*c)).collect()
}

/// The first digits of a fingerprint, as people type or paste them on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FingerprintPrefix(String);

impl FingerprintPrefix {
    /// The digits, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the fingerprint starts with these digits.
    pub fn matches(&self, fingerprint: &Fingerprint) -> bool {
        fingerprint.to_string().starts_with(&self.0)
    }
}

impl FromStr for FingerprintPrefix {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let digits = without_separators(text);
        let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        if is_hex && (1..=64).contains(&digits.len()) {
            Ok(Self(digits.to_ascii_lowercase()))
        } else {
            Err(InvalidValue::new(
                text,
                "the beginning of a fingerprint (1 to 64 hexadecimal digits)",
            ))
        }
    }
}

impl fmt::Display for FingerprintPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<Fingerprint> for FingerprintPrefix {
    fn from(fingerprint: Fingerprint) -> Self {
        Self(fingerprint.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_in_any_case_is_written_in_lower_case() {
        let text = "00FFa0".to_owned() + &"1".repeat(58);
        let fingerprint: Fingerprint = text.parse().unwrap();
        assert_eq!(fingerprint.to_string(), text.to_lowercase());
        assert_eq!(fingerprint.as_bytes()[..3], [0x00, 0xff, 0xa0]);
    }

    #[test]
    fn digest_without_64_hex_digits_is_refused() {
        for invalid in [
            "",
            "00",
            &"g".repeat(64),
            &"0".repeat(63),
            &"0".repeat(65),
            &"+".repeat(64),
        ] {
            let parsed = invalid.parse::<Digest>();
            assert!(parsed.is_err(), "{invalid:?} was accepted");
        }
    }

    #[test]
    fn fingerprint_prefix_in_any_case_matches() {
        let fingerprint = Fingerprint::from_bytes([0xab; 32]);
        let prefix = |text: &str| text.parse::<FingerprintPrefix>();
        assert!(prefix("ABab").unwrap().matches(&fingerprint));
        assert!(!prefix("abac").unwrap().matches(&fingerprint));
        assert!(prefix("").is_err());
    }

    #[test]
    fn pasted_fingerprint_may_have_colons_spaces_and_capitals() {
        let fingerprint = Fingerprint::from_bytes([0xab; 32]);
        for separator in [":", " "] {
            let pasted = vec!["AB"; 32].join(separator);
            assert_eq!(Fingerprint::from_pasted(&pasted), Ok(fingerprint));
            let prefix: FingerprintPrefix = pasted.parse().unwrap();
            assert!(prefix.matches(&fingerprint));
        }
        assert!(" : ".parse::<FingerprintPrefix>().is_err());
    }
}
