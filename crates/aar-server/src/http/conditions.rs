//! Conditional and ranged requests, as RFC 9110 has them.

use http::{HeaderMap, HeaderName, header};

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

/// Which part of a content was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// The bytes from the first to before the second.
    Part(std::ops::Range<u64>),
    /// A part that lies outside.
    Outside,
}

impl Wanted {
    /// What the headers ask for of a content with this size and tag. Ranges that make no sense,
    /// ranges of another content, and several ranges at once are answered with the whole.
    pub(crate) fn of(headers: &HeaderMap, size: u64, tag: &ETag) -> Self {
        let range = text(headers, header::RANGE).and_then(|range| range.strip_prefix("bytes="));
        let same = text(headers, header::IF_RANGE).is_none_or(|known| known == tag.as_str());
        match range {
            Some(range) if same => parse(range.trim(), size).unwrap_or(Self::Whole),
            _ => Self::Whole,
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// One range: `first-last`, `first-` or `-count`.
fn parse(range: &str, size: u64) -> Option<Wanted> {
    let part = match range.split_once('-')? {
        ("", count) => size.saturating_sub(number(count)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some(if part.start < part.end {
        Wanted::Part(part)
    } else {
        Wanted::Outside
    })
}

fn number(digits: &str) -> Option<u64> {
    let good = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // Beyond 64 bits is beyond every content.
    good.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        pairs.collect()
    }

    fn wanted(range: &str) -> Wanted {
        Wanted::of(&headers(&[(header::RANGE, range)]), 100, &ETag::new("a"))
    }

    #[test]
    fn ranges_are_read_in_their_three_forms() {
        assert_eq!(wanted("bytes=0-9"), Wanted::Part(0..10));
        assert_eq!(wanted("bytes=90-"), Wanted::Part(90..100));
        assert_eq!(wanted("bytes=-10"), Wanted::Part(90..100));
        assert_eq!(wanted("bytes=-1000"), Wanted::Part(0..100));
        assert_eq!(wanted("bytes=0-1000"), Wanted::Part(0..100));
    }

    #[test]
    fn ranges_beyond_the_end_are_outside() {
        for range in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(wanted(range), Wanted::Outside, "{range}");
        }
    }

    #[test]
    fn ranges_that_make_no_sense_are_answered_with_the_whole() {
        for range in [
            "bytes=9-0",
            "bytes=-",
            "bytes=a-b",
            "bytes=0-1,5-6",
            "lines=1-2",
            "bytes=+1-2",
        ] {
            assert_eq!(wanted(range), Wanted::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_content_is_answered_with_the_whole() {
        let ask = |tag| headers(&[(header::RANGE, "bytes=5-"), (header::IF_RANGE, tag)]);
        let tag = ETag::new("a");
        assert_eq!(Wanted::of(&ask("\"a\""), 100, &tag), Wanted::Part(5..100));
        for other in ["\"b\"", "W/\"a\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(Wanted::of(&ask(other), 100, &tag), Wanted::Whole, "{other}");
        }
    }

    #[test]
    fn a_known_tag_is_found_in_every_form() {
        let tag = ETag::new("a");
        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(
                tag.is_known(&headers(&[(header::IF_NONE_MATCH, known)])),
                "{known}"
            );
        }
        for unknown in ["\"b\"", "a", ""] {
            assert!(
                !tag.is_known(&headers(&[(header::IF_NONE_MATCH, unknown)])),
                "{unknown}"
            );
        }
        assert!(!tag.is_known(&HeaderMap::new()));
    }
}
