//! Conditional requests, as RFC 9110 has them.

use http::{HeaderMap, header};

/// A strong entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ETag(String);

impl ETag {
    /// A tag with the given content, which holds no quotes.
    pub(crate) fn new(content: impl std::fmt::Display) -> Self {
        Self(format!("\"{content}\""))
    }

    /// The tag as headers carry it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `If-None-Match` says that the caller has what the tag stands for.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let known = headers.get_all(header::IF_NONE_MATCH);
        let lists = known.iter().filter_map(|value| value.to_str().ok());
        let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(tags: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_NONE_MATCH, tags.parse().unwrap())])
    }

    #[test]
    fn a_known_tag_is_found_in_every_form() {
        let tag = ETag::new("a");
        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(tag.is_known(&knows(known)), "{known}");
        }
        for unknown in ["\"b\"", "a", ""] {
            assert!(!tag.is_known(&knows(unknown)), "{unknown}");
        }
        assert!(!tag.is_known(&HeaderMap::new()));
    }
}
