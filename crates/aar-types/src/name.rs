use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{InvalidValue, text_form};

/// The name of an application, unique in a registry.
///
/// The name is a path segment in URLs, storage keys and file names, so `.` and `..` are refused
/// although their characters are allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct ApplicationName(String);

impl ApplicationName {
    /// The maximum length in bytes. File systems limit a path segment to 255 bytes, and the rest is
    /// left to suffixes.
    pub const MAX_LEN: usize = 200;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApplicationName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let valid = (1..=Self::MAX_LEN).contains(&text.len())
            && text.bytes().all(allowed)
            && !matches!(text, "." | "..");
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new(
                text,
                "an application name (1 to 200 of the characters A-Z a-z 0-9 _ . -)",
            ))
        }
    }
}

impl fmt::Display for ApplicationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(ApplicationName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_is_no_safe_path_segment_is_refused() {
        for valid in ["a", "my-app", "com.foo.bar_2", "...", "0"] {
            assert_eq!(valid.parse::<ApplicationName>().unwrap().as_str(), valid);
        }
        for invalid in ["", ".", "..", "a/b", "a b", "ä", "a\0", &"a".repeat(201)] {
            let parsed = invalid.parse::<ApplicationName>();
            assert!(parsed.is_err(), "{invalid:?} was accepted");
        }
    }
}
