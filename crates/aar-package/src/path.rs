//! Paths inside packages: relative, plain, and the same on every machine.

use std::{borrow::Borrow, fmt};

use crate::Limits;

/// Why the path of an entry is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// It is not UTF-8.
    #[error("the path is not UTF-8")]
    NotUtf8,
    /// It begins at the root of the file system.
    #[error("the path is absolute")]
    Absolute,
    /// It goes up with `..`.
    #[error("the path climbs with `..`")]
    Climbs,
    /// It has an empty part, or `.` in the middle.
    #[error("the path has an empty part")]
    EmptyPart,
    /// It has a NUL or another control character.
    #[error("the path has a control character")]
    Control,
    /// It has a backslash, which separates folders on some systems and is part of a name on others.
    #[error("the path has a backslash")]
    Backslash,
    /// One of its parts is longer than file systems take.
    #[error("a part of the path is longer than 255 bytes")]
    PartTooLong,
    /// It is too long.
    #[error("the path is longer than {0} bytes")]
    TooLong(usize),
    /// It goes through too many folders.
    #[error("the path is more than {0} folders deep")]
    TooDeep(usize),
}

/// The path of an entry: parts that are names, joined by `/`. It sorts by its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryPath(String);

impl EntryPath {
    /// Reads a path as archives write it: it may begin with `./` and end with `/`. The top of the
    /// package itself has no path.
    pub(crate) fn parse(raw: &[u8], limits: &Limits) -> Result<Option<Self>, PathProblem> {
        if raw.len() > limits.path_length {
            return Err(PathProblem::TooLong(limits.path_length));
        }
        let text = std::str::from_utf8(raw).map_err(|_| PathProblem::NotUtf8)?;
        if text.starts_with('/') {
            return Err(PathProblem::Absolute);
        }
        let mut rest = text;
        while let Some(stripped) = rest.strip_prefix("./") {
            rest = stripped;
        }
        match rest.strip_suffix('/').unwrap_or(rest) {
            "" | "." => Ok(None),
            plain => Self::plain(plain, limits).map(Some),
        }
    }

    fn plain(text: &str, limits: &Limits) -> Result<Self, PathProblem> {
        text.split('/').try_for_each(check_part)?;
        if text.matches('/').count() >= limits.depth {
            return Err(PathProblem::TooDeep(limits.depth));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders above, from the top down.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = Self> {
        let slashes = self.0.match_indices('/');
        slashes.map(|(at, _)| Self(self.0[..at].to_owned()))
    }

    /// The form in which two paths are the same where upper and lower case are.
    pub(crate) fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

fn check_part(part: &str) -> Result<(), PathProblem> {
    match part {
        "" | "." => Err(PathProblem::EmptyPart),
        ".." => Err(PathProblem::Climbs),
        _ if part.len() > 255 => Err(PathProblem::PartTooLong),
        _ if part.contains(char::is_control) => Err(PathProblem::Control),
        _ if part.contains('\\') => Err(PathProblem::Backslash),
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

    fn parse(raw: &[u8]) -> Result<Option<String>, PathProblem> {
        let limits = Limits {
            path_length: 300,
            depth: 3,
            ..Limits::default()
        };
        Ok(EntryPath::parse(raw, &limits)?.map(|path| path.0))
    }

    #[test]
    fn what_archivers_put_around_a_path_is_taken_off() {
        for raw in ["a/b", "./a/b", "././a/b", "a/b/"] {
            assert_eq!(parse(raw.as_bytes()), Ok(Some("a/b".to_owned())), "{raw}");
        }
        for raw in ["", ".", "./", "././"] {
            assert_eq!(parse(raw.as_bytes()), Ok(None), "{raw}");
        }
    }

    #[test]
    fn anything_but_a_plain_relative_path_is_refused() {
        let long_part = "a".repeat(256);
        let cases: [(&[u8], PathProblem); 14] = [
            (b"/etc/passwd", PathProblem::Absolute),
            (b"//a", PathProblem::Absolute),
            (b"..", PathProblem::Climbs),
            (b"../a", PathProblem::Climbs),
            (b"a/../../b", PathProblem::Climbs),
            (b"a//b", PathProblem::EmptyPart),
            (b"a/./b", PathProblem::EmptyPart),
            (b"a\0b", PathProblem::Control),
            (b"a\nb", PathProblem::Control),
            (b"a\\b", PathProblem::Backslash),
            (b"a\xffb", PathProblem::NotUtf8),
            (long_part.as_bytes(), PathProblem::PartTooLong),
            (&[b'a'; 301], PathProblem::TooLong(300)),
            (b"a/b/c/d", PathProblem::TooDeep(3)),
        ];
        for (raw, problem) in cases {
            assert_eq!(
                parse(raw),
                Err(problem),
                "{:?}",
                String::from_utf8_lossy(raw)
            );
        }
    }

    #[test]
    fn the_folders_above_a_path_come_from_the_top_down() {
        let path = EntryPath("a/b/c".to_owned());
        let above: Vec<_> = path.ancestors().map(|path| path.0).collect();
        assert_eq!(above, ["a", "a/b"]);
    }
}
