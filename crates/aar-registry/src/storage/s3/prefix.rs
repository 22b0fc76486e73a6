//! What stands before every key in a bucket.
//!
//! It is made of letters that mean the same in a key, in an address and in a listing, so that a key
//! has one form wherever it is written. Others may keep things in the same bucket: what does not
//! begin with it is theirs.

use object_store::path::Path;

use super::BucketProblem;

/// The letters that may stand in it, beside ASCII letters and digits.
const MARKS: &[u8] = b"!_.()/-";

/// Empty, or segments with single slashes between them and none around them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prefix(Path);

impl Prefix {
    pub(super) fn of(text: &str) -> Result<Self, BucketProblem> {
        let trimmed = text.trim_matches('/');
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || MARKS.contains(&letter);
        let named = |segment: &str| !matches!(segment, "" | "." | "..");
        let segments = trimmed.is_empty() || trimmed.split('/').all(named);
        if segments && trimmed.bytes().all(plain) {
            Ok(Self(Path::from(trimmed)))
        } else {
            let prefix = text.to_owned();
            Err(BucketProblem::Prefix { prefix })
        }
    }

    /// The key in the bucket of what the registry calls so.
    pub(super) fn key(&self, path: &Path) -> Path {
        self.0.parts().chain(path.parts()).collect()
    }

    /// What the registry calls a key of the bucket. `None` where it is not the registry's.
    pub(super) fn below(&self, key: &Path) -> Option<Path> {
        let rest = key.prefix_match(&self.0)?;
        Some(rest.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_again_below_every_prefix_that_is_taken() {
        let path = Path::from("blobs/sha256/ab/cd");
        for (text, expected) in [
            ("", "blobs/sha256/ab/cd"),
            ("/", "blobs/sha256/ab/cd"),
            ("/a/b/", "a/b/blobs/sha256/ab/cd"),
            ("a!_.()-/B9", "a!_.()-/B9/blobs/sha256/ab/cd"),
            ("a...b", "a...b/blobs/sha256/ab/cd"),
        ] {
            let prefix = Prefix::of(text).unwrap();
            assert_eq!(prefix.key(&path).as_ref(), expected);
            assert_eq!(prefix.below(&prefix.key(&path)), Some(path.clone()));
        }
    }

    #[test]
    fn a_prefix_that_would_be_written_in_several_ways_is_refused() {
        for text in [
            "a//b", "ü", "a%20b", "a?b", "x*y", "a\\b", "a+b", "~t", "a&b=c", "a b", "..", "a/./b",
        ] {
            let refused = Prefix::of(text).unwrap_err().to_string();
            assert!(refused.contains("storage.s3.prefix"), "{text}: {refused}");
        }
    }

    #[test]
    fn what_only_begins_alike_is_somebody_elses() {
        let prefix = Prefix::of("a/b").unwrap();
        for key in ["a/bc/staging/x", "a", "staging/x"] {
            assert_eq!(prefix.below(&Path::from(key)), None, "{key}");
        }
    }
}
