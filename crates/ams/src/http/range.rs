//! The header `Range`: a part of a file, so that a cut download goes on where it was.

use std::ops::Range;

/// What a caller wants of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: no range, or one of a kind that is not served and may be ignored.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that the file does not have.
    Nothing,
}

/// Reads the value of the header for a file of `size` bytes.
pub(super) fn read(value: Option<&str>, size: u64) -> Wanted {
    let single = value.and_then(|value| value.trim().strip_prefix("bytes="));
    let Some((first, last)) = single.and_then(|range| range.split_once('-')) else {
        return Wanted::Whole;
    };
    let bounds = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Some(first..last.saturating_add(1).min(size)),
        (Some(first), None) if last.trim().is_empty() => Some(first..size),
        (None, Some(count)) if first.trim().is_empty() => Some(size.saturating_sub(count)..size),
        _ => None,
    };
    match bounds {
        None => Wanted::Whole,
        Some(range) if range.is_empty() => Wanted::Nothing,
        Some(range) => Wanted::Part(range),
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file() {
        for (value, wanted) in [
            ("bytes=0-3", Wanted::Part(0..4)),
            ("bytes=4-", Wanted::Part(4..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=8-99", Wanted::Part(8..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
        ] {
            assert_eq!(read(Some(value), 10), wanted, "{value}");
        }
    }

    #[test]
    fn what_is_no_single_byte_range_is_answered_with_all() {
        for value in [
            "bytes=3-1",
            "bytes=0-1,4-5",
            "lines=1-2",
            "bytes=a-b",
            "bytes=-",
            "",
        ] {
            assert_eq!(read(Some(value), 10), Wanted::Whole, "{value}");
        }
        assert_eq!(read(None, 10), Wanted::Whole);
    }
}
