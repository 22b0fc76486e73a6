//! Entity tags and the conditions on them, by RFC 9110.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag {
    quoted: String,
    accepts_unquoted: bool,
}

impl ETag {
    /// A tag with this content: letters, digits and hyphens.
    pub fn new(content: impl fmt::Display) -> Self {
        Self {
            quoted: format!("\"{content}\""),
            accepts_unquoted: false,
        }
    }

    /// Also matches a tag that a client sends without quotation marks.
    #[must_use]
    pub fn accepting_unquoted(self) -> Self {
        Self {
            accepts_unquoted: true,
            ..self
        }
    }

    /// The tag with its quotation marks.
    pub fn as_str(&self) -> &str {
        &self.quoted
    }

    /// The value of the header `ETag`.
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.quoted).unwrap_or(HeaderValue::from_static("\"\""))
    }

    /// Whether `If-None-Match` lists the tag: the client has the current state. The comparison is weak.
    pub fn is_known(&self, headers: &HeaderMap) -> bool {
        let weak = |tag: &str| self.matches(tag.strip_prefix("W/").unwrap_or(tag));
        list(headers, &header::IF_NONE_MATCH).any(weak)
    }

    /// Whether `If-Match` is absent or lists the tag: the request is meant for the current state. The
    /// comparison is strong.
    pub fn is_expected(&self, headers: &HeaderMap) -> bool {
        !headers.contains_key(header::IF_MATCH)
            || list(headers, &header::IF_MATCH).any(|tag| self.matches(tag))
    }

    fn matches(&self, tag: &str) -> bool {
        let unquoted = self.accepts_unquoted && self.quoted.trim_matches('"') == tag;
        tag == "*" || tag == self.quoted || unquoted
    }
}

fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    let lists = values.filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    fn is_known(tag: &ETag, value: &str) -> bool {
        tag.is_known(&headers(header::IF_NONE_MATCH, value))
    }

    fn is_expected(tag: &ETag, value: &str) -> bool {
        tag.is_expected(&headers(header::IF_MATCH, value))
    }

    #[test]
    fn known_tag_is_found_in_every_form() {
        let tag = ETag::new("a");
        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(is_known(&tag, known), "{known}");
        }
        for unknown in ["\"b\"", "a", ""] {
            assert!(!is_known(&tag, unknown), "{unknown}");
        }
        assert!(!tag.is_known(&HeaderMap::new()));
    }

    #[test]
    fn change_of_another_state_is_not_expected() {
        let tag = ETag::new("a");
        for expected in ["\"a\"", "\"b\", \"a\"", "*"] {
            assert!(is_expected(&tag, expected), "{expected}");
        }
        for other in ["\"b\"", "W/\"a\"", "a", ""] {
            assert!(!is_expected(&tag, other), "{other}");
        }
        assert!(tag.is_expected(&HeaderMap::new()));
    }

    #[test]
    fn unquoted_tag_is_accepted_on_request() {
        let tag = ETag::new("a").accepting_unquoted();
        assert!(is_expected(&tag, "a") && is_known(&tag, "a"));
        assert!(!is_expected(&tag, "b") && !is_known(&tag, "b"));
    }
}
