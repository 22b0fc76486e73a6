//! The header `Range`, by RFC 9110: a part of a file, so that a broken download resumes.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, header};

/// The part of a file that a request selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
}

impl Selection {
    /// Reads `Range` and `If-Range`. As the RFC allows, an invalid range, a range of another content
    /// and several ranges at once select the whole file.
    pub(super) fn of(headers: &HeaderMap, size: u64, etag: &str) -> Self {
        let range = text(headers, &header::RANGE).and_then(|range| range.strip_prefix("bytes="));
        let is_current = text(headers, &header::IF_RANGE).is_none_or(|known| known == etag);
        match range {
            Some(range) if is_current => parse(range.trim(), size).unwrap_or(Self::Whole),
            _ => Self::Whole,
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// One range: `first-last`, `first-` or `-count`.
fn parse(range: &str, size: u64) -> Option<Selection> {
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
        Selection::Part(part)
    } else {
        Selection::Unsatisfiable
    })
}

/// A number that does not fit into 64 bits lies beyond the end of every file.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
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

    fn selection(range: &str) -> Selection {
        Selection::of(&headers(&[(header::RANGE, range)]), 100, "\"a\"")
    }

    #[test]
    fn ranges_are_read_in_their_three_forms() {
        assert_eq!(selection("bytes=0-9"), Selection::Part(0..10));
        assert_eq!(selection("bytes=90-"), Selection::Part(90..100));
        assert_eq!(selection("bytes=-10"), Selection::Part(90..100));
        assert_eq!(selection("bytes=-1000"), Selection::Part(0..100));
        assert_eq!(selection("bytes=0-1000"), Selection::Part(0..100));
    }

    #[test]
    fn ranges_beyond_the_end_are_unsatisfiable() {
        for range in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(selection(range), Selection::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn invalid_ranges_select_the_whole_file() {
        for range in [
            "bytes=9-0",
            "bytes=-",
            "bytes=a-b",
            "bytes=0-1,5-6",
            "lines=1-2",
            "bytes=+1-2",
            "",
        ] {
            assert_eq!(selection(range), Selection::Whole, "{range}");
        }
        let none = Selection::of(&HeaderMap::new(), 100, "\"a\"");
        assert_eq!(none, Selection::Whole);
    }

    #[test]
    fn range_of_another_content_selects_the_whole_file() {
        let request = |tag| headers(&[(header::RANGE, "bytes=5-"), (header::IF_RANGE, tag)]);
        let tag = "\"a\"";
        let current = Selection::of(&request(tag), 100, tag);
        assert_eq!(current, Selection::Part(5..100));
        for other in ["\"b\"", "W/\"a\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            let selection = Selection::of(&request(other), 100, tag);
            assert_eq!(selection, Selection::Whole, "{other}");
        }
    }
}
