//! The prefix of all keys in a bucket.
//!
//! Its characters look the same in keys, URLs and listings, so a key has one form. Keys without the prefix
//! belong to other users of the bucket.

use crate::BucketProblem;

/// Allowed beside ASCII letters and digits.
const MARKS: &[u8] = b"!_.()/-";

/// Empty, or segments that each end with a slash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prefix(String);

impl Prefix {
    pub(super) fn parse(text: &str) -> Result<Self, BucketProblem> {
        let trimmed = text.trim_matches('/');
        if trimmed.is_empty() {
            return Ok(Self::default());
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || MARKS.contains(&byte);
        let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
        if trimmed.bytes().all(is_allowed) && trimmed.split('/').all(is_segment) {
            Ok(Self(format!("{trimmed}/")))
        } else {
            let prefix = text.to_owned();
            Err(BucketProblem::Prefix { prefix })
        }
    }

    /// The key in the bucket.
    pub(super) fn key(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The path that has this key in the bucket. `None` for a key without the prefix.
    pub(super) fn path<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_found_again_below_every_allowed_prefix() {
        let path = "blobs/sha256/ab/cd";
        for (text, expected) in [
            ("", "blobs/sha256/ab/cd"),
            ("/", "blobs/sha256/ab/cd"),
            ("/a/b/", "a/b/blobs/sha256/ab/cd"),
            ("a!_.()-/B9", "a!_.()-/B9/blobs/sha256/ab/cd"),
            ("a...b", "a...b/blobs/sha256/ab/cd"),
        ] {
            let prefix = Prefix::parse(text).unwrap();
            assert_eq!(prefix.key(path), expected);
            assert_eq!(prefix.path(expected), Some(path));
        }
    }

    #[test]
    fn prefix_that_could_be_written_in_several_ways_is_refused() {
        for text in [
            "a//b", "ü", "a%20b", "a?b", "x*y", "a\\b", "a+b", "~t", "a&b=c", "a b", "..", "a/./b",
        ] {
            let refused = Prefix::parse(text).unwrap_err().to_string();
            assert!(refused.contains("storage.s3.prefix"), "{text}: {refused}");
        }
    }

    #[test]
    fn key_that_only_begins_alike_belongs_to_others() {
        let prefix = Prefix::parse("a/b").unwrap();
        for key in ["a/bc/staging/x", "a", "staging/x"] {
            assert_eq!(prefix.path(key), None, "{key}");
        }
    }
}
