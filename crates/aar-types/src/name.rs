use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Invalid, text_form};

/// The name of an application, unique in a registry.
///
/// It is used as a path segment in URLs, in storage keys and in file names, so `.` and `..` are
/// refused although every single character of them is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct ApplicationName(String);

impl ApplicationName {
    /// The longest accepted name, in bytes: what a file system takes as one path segment.
    pub const MAX_LEN: usize = 200;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApplicationName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let good = (1..=Self::MAX_LEN).contains(&text.len())
            && text.bytes().all(allowed)
            && !matches!(text, "." | "..");
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
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
    fn names_are_safe_path_segments() {
        for good in ["a", "my-app", "com.foo.bar_2", "...", "0"] {
            assert_eq!(good.parse::<ApplicationName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a\0", &"a".repeat(201)] {
            assert!(
                bad.parse::<ApplicationName>().is_err(),
                "{bad:?} was accepted"
            );
        }
    }
}
