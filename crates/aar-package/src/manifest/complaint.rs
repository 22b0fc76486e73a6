use std::fmt;

/// Everything that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestErrors(Vec<Complaint>);

impl ManifestErrors {
    pub(super) fn new(complaints: Vec<Complaint>) -> Self {
        Self(complaints)
    }

    /// The complaints, in the order of the text. Never empty.
    pub fn complaints(&self) -> &[Complaint] {
        &self.0
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("manifest.yaml: ")?;
        for (index, complaint) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{complaint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestErrors {}

/// Something that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The key, such as `services[1].port`; empty for the manifest as a whole.
    pub key: String,
    /// Where it stands; absent for a key that is missing.
    pub position: Option<Position>,
    /// What is wrong.
    pub reason: Reason,
}

/// A place in a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// What is wrong with a key of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The text is not YAML, or makes use of something that manifests do without.
    Syntax(String),
    /// There is no such key.
    UnknownKey {
        /// The keys there are.
        allowed: &'static [&'static str],
    },
    /// The key stands there twice.
    DuplicateKey,
    /// The key has to be there.
    Missing {
        /// What it should be.
        allowed: String,
    },
    /// The value is not allowed.
    Value {
        /// The value.
        found: String,
        /// What it should be.
        allowed: String,
    },
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.reason)?;
        match self.position {
            Some(Position { line, column }) => write!(f, " (line {line}, column {column})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(message) => f.write_str(message),
            Self::UnknownKey { allowed } => {
                write!(f, "there is no such key, only {}", allowed.join(", "))
            }
            Self::DuplicateKey => f.write_str("stands there twice"),
            Self::Missing { allowed } => write!(f, "is missing; it must be {allowed}"),
            Self::Value { found, allowed } => write!(f, "{found} is not {allowed}"),
        }
    }
}
