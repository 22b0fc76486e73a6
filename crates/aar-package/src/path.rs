//! Paths inside packages: relative, and valid on every operating system.

use std::{borrow::Borrow, fmt};

use unicode_normalization::UnicodeNormalization as _;

use crate::Limits;

/// The reason why the path of an entry is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    #[error("the path is not UTF-8; pack it with names in UTF-8, as 7-Zip does with -mcu=on")]
    NotUtf8,
    #[error("the path is absolute; pack it relative to the folder of the package")]
    Absolute,
    #[error("the path contains `..`; pack it relative to the folder of the package")]
    ParentFolder,
    /// An empty segment, or `.` in the middle.
    #[error("the path has an empty segment; pack it without `//` and `/./`")]
    EmptySegment,
    #[error("the path has a control character; rename the file")]
    Control,
    /// A backslash separates folders on some systems and is part of a name on others.
    #[error("the path has a backslash, which is no separator here; pack it with /")]
    Backslash,
    #[error("a segment of the path is longer than 255 bytes")]
    SegmentTooLong,
    #[error("the path is longer than {0} bytes")]
    TooLong(usize),
    #[error("the path is more than {0} folders deep")]
    TooDeep(usize),
}

/// The path of an entry: segments joined by `/`. Paths are ordered by their bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryPath(String);

impl EntryPath {
    /// Parses a path as archives write it: it may start with `./` and end with `/`. The top of the
    /// package itself has no path.
    pub(crate) fn parse(raw: &[u8], limits: &Limits) -> Result<Option<Self>, PathError> {
        if raw.len() > limits.path_length {
            return Err(PathError::TooLong(limits.path_length));
        }
        let text = std::str::from_utf8(raw).map_err(|_| PathError::NotUtf8)?;
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        let text: String = text.nfc().collect();
        let text = text.trim_start_matches("./");
        let path = text.strip_suffix('/').unwrap_or(text);
        if matches!(path, "" | ".") {
            return Ok(None);
        }
        path.split('/').try_for_each(check_segment)?;
        if path.matches('/').count() >= limits.depth {
            return Err(PathError::TooDeep(limits.depth));
        }
        Ok(Some(Self(path.to_owned())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders above, from the top down.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = Self> {
        let slashes = self.0.match_indices('/');
        slashes.map(|(at, _)| Self(self.0[..at].to_owned()))
    }

    /// The form in which paths are equal that the file systems of Android do not tell apart: they
    /// ignore case, also that of `ß` and `ss`, and characters without a shape.
    pub(crate) fn folded(&self) -> String {
        let shapes = self.0.nfd().filter(|c| !is_ignorable(*c));
        let upper = shapes.flat_map(char::to_uppercase);
        upper.flat_map(char::to_lowercase).nfd().collect()
    }

    /// Whether an operating system or a file server added the entry, for its own use.
    pub(crate) fn is_system_file(&self) -> bool {
        self.0.split('/').any(|segment| {
            matches!(segment, "__MACOSX" | ".DS_Store" | "@eaDir")
                || segment.starts_with("._")
                || segment.eq_ignore_ascii_case("Thumbs.db")
        })
    }

    /// The path below a folder, whose path ends with a slash.
    pub(crate) fn below(&self, folder: &str) -> Option<Self> {
        let path = self.0.strip_prefix(folder)?;
        Some(Self(path.to_owned()))
    }
}

/// Joiners, variation selectors and the like.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}')
}

fn check_segment(segment: &str) -> Result<(), PathError> {
    match segment {
        "" | "." => Err(PathError::EmptySegment),
        ".." => Err(PathError::ParentFolder),
        _ if segment.len() > 255 => Err(PathError::SegmentTooLong),
        _ if segment.contains(char::is_control) => Err(PathError::Control),
        _ if segment.contains('\\') => Err(PathError::Backslash),
        _ => Ok(()),
    }
}

impl Borrow<str> for EntryPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &[u8]) -> Result<Option<String>, PathError> {
        let limits = Limits {
            path_length: 300,
            depth: 3,
            ..Limits::default()
        };
        Ok(EntryPath::parse(raw, &limits)?.map(|path| path.0))
    }

    #[test]
    fn leading_dots_and_trailing_slash_are_removed() {
        for raw in ["a/b", "./a/b", "././a/b", "a/b/"] {
            assert_eq!(parse(raw.as_bytes()), Ok(Some("a/b".to_owned())), "{raw}");
        }
        for raw in ["", ".", "./", "././"] {
            assert_eq!(parse(raw.as_bytes()), Ok(None), "{raw}");
        }
    }

    #[test]
    fn path_that_is_not_plain_and_relative_is_refused() {
        let long_segment = "a".repeat(256);
        let cases: [(&[u8], PathError); 14] = [
            (b"/etc/passwd", PathError::Absolute),
            (b"//a", PathError::Absolute),
            (b"..", PathError::ParentFolder),
            (b"../a", PathError::ParentFolder),
            (b"a/../../b", PathError::ParentFolder),
            (b"a//b", PathError::EmptySegment),
            (b"a/./b", PathError::EmptySegment),
            (b"a\0b", PathError::Control),
            (b"a\nb", PathError::Control),
            (b"a\\b", PathError::Backslash),
            (b"a\xffb", PathError::NotUtf8),
            (long_segment.as_bytes(), PathError::SegmentTooLong),
            (&[b'a'; 301], PathError::TooLong(300)),
            (b"a/b/c/d", PathError::TooDeep(3)),
        ];
        for (raw, error) in cases {
            let shown = String::from_utf8_lossy(raw);
            assert_eq!(parse(raw), Err(error), "{shown:?}");
        }
    }

    #[test]
    fn ancestors_are_ordered_from_the_top_down() {
        let path = EntryPath("a/b/c".to_owned());
        let above: Vec<_> = path.ancestors().map(|path| path.0).collect();
        assert_eq!(above, ["a", "a/b"]);
    }
}
