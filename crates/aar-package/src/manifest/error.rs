use std::fmt;

/// All errors of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestErrors(Vec<ManifestError>);

impl ManifestErrors {
    pub(crate) fn new(errors: Vec<ManifestError>) -> Self {
        Self(errors)
    }

    /// The errors, in the order of the text. Never empty.
    pub fn errors(&self) -> &[ManifestError] {
        &self.0
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("manifest.yaml: ")?;
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestErrors {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The key, such as `services[1].port`; empty for the whole manifest.
    pub key: String,
    /// Absent for a missing key.
    pub position: Option<Position>,
    pub kind: ManifestErrorKind,
}

/// A position in a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestErrorKind {
    /// The text is not YAML, or uses a feature of YAML that manifests do not support.
    Syntax(String),
    UnknownKey {
        known: &'static [&'static str],
    },
    DuplicateKey,
    MissingKey {
        allowed: String,
    },
    InvalidValue {
        found: String,
        allowed: String,
    },
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.kind)?;
        match self.position {
            Some(Position { line, column }) => write!(f, " (line {line}, column {column})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ManifestErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(message) => f.write_str(message),
            Self::UnknownKey { known } => {
                write!(f, "is an unknown key; known keys are {}", known.join(", "))
            }
            Self::DuplicateKey => f.write_str("occurs twice"),
            Self::MissingKey { allowed } => write!(f, "is missing; it must be {allowed}"),
            Self::InvalidValue { found, allowed } => write!(f, "{found} is not {allowed}"),
        }
    }
}
