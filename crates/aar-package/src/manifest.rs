use aar_types::{ApplicationMetadata, ApplicationName, VersionManifest};
use std::fmt;

/// The manifest of a package, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The name of the application.
    pub name: ApplicationName,
    /// What holds for all versions of the application.
    pub application: ApplicationMetadata,
    /// What this version declares.
    pub version: VersionManifest,
}

impl Manifest {
    /// The manifest as the text of a `manifest.yaml`, which [`read_manifest`] reads back.
    pub fn to_yaml(&self) -> String {
        todo!()
    }
}

/// Reads the text of a `manifest.yaml`. All that is wrong with it is reported at once.
pub fn read_manifest(text: &str) -> Result<Manifest, ManifestErrors> {
    todo!("{text}")
}

/// Everything that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestErrors(Vec<Complaint>);

impl ManifestErrors {
    /// The complaints, in the order of the text. Never empty.
    pub fn complaints(&self) -> &[Complaint] {
        &self.0
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
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
    /// The text is not YAML.
    Syntax(String),
    /// There is no such key.
    UnknownKey {
        /// The keys there are.
        allowed: Vec<&'static str>,
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
