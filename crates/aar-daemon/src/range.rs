//! Ranged requests, as RFC 9110 has them: a part of a file, so that a cut download goes on where it
//! was.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, header};

/// Which part of a content was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// A part that lies outside.
    Outside,
}

impl Wanted {
    /// What the headers ask for of a content with this size and this entity tag, in its quotation
    /// marks. Ranges that make no sense, ranges of another content, and several ranges at once are
    /// answered with the whole.
    pub fn of(headers: &HeaderMap, size: u64, tag: &str) -> Self {
        let range = text(headers, &header::RANGE).and_then(|range| range.strip_prefix("bytes="));
        let same = text(headers, &header::IF_RANGE).is_none_or(|known| known == tag);
        match range {
            Some(range) if same => parse(range.trim(), size).unwrap_or(Self::Whole),
            _ => Self::Whole,
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
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
        Wanted::of(&headers(&[(header::RANGE, range)]), 100, "\"a\"")
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
            "",
        ] {
            assert_eq!(wanted(range), Wanted::Whole, "{range}");
        }
        assert_eq!(Wanted::of(&HeaderMap::new(), 100, "\"a\""), Wanted::Whole);
    }

    #[test]
    fn a_range_of_another_content_is_answered_with_the_whole() {
        let ask = |tag| headers(&[(header::RANGE, "bytes=5-"), (header::IF_RANGE, tag)]);
        let tag = "\"a\"";
        assert_eq!(Wanted::of(&ask(tag), 100, tag), Wanted::Part(5..100));
        for other in ["\"b\"", "W/\"a\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(Wanted::of(&ask(other), 100, tag), Wanted::Whole, "{other}");
        }
    }
}
