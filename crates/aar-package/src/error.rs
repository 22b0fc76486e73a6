use std::{io, path::PathBuf};

use aar_types::Architecture;

use crate::{ManifestErrors, PathProblem, path::EntryPath};

/// Why a package or an image was refused, or could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is none of the formats that packages come in.
    #[error(
        "{} is not a package: {found}; a package is a folder, a .zip or a .tar.bz2", path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: String,
    },
    /// The archive is damaged, or ends too early.
    #[error("the archive is damaged at {place}")]
    Damaged {
        /// The entry, or the part of the archive.
        place: String,
        /// What the reader says.
        #[source]
        source: io::Error,
    },
    /// An entry of the package is refused.
    #[error("{entry:?}: {problem}")]
    Entry {
        /// The path of the entry, as the archive has it.
        entry: String,
        /// Why.
        problem: Problem,
    },
    /// The package as a whole is beyond a limit.
    #[error("the package is refused at {entry:?}: more than {limit}")]
    Limit {
        /// The entry at which the limit was passed.
        entry: String,
        /// The limit, in words.
        limit: String,
    },
    /// There is no manifest.
    #[error("there is no manifest.yaml{}", found.as_ref().map(|path| format!(
        " at the top, but there is {path}: pack the content of the folder, not the folder itself"
    )).unwrap_or_default())]
    NoManifest {
        /// Where there is one instead.
        found: Option<String>,
    },
    /// The manifest is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestErrors),
    /// The manifest wants something to be placed that the package does not hold.
    #[error("manifest.yaml: extra-data.{name}: there is no extra-data/{name} in the package")]
    NoExtraData {
        /// Its name.
        name: String,
    },
    /// The APK is refused.
    #[error("app.apk is not usable: {reason}")]
    Apk {
        /// Why.
        reason: String,
    },
    /// The APK has native code, but none for the architecture.
    #[error(
        "app.apk has native code for {} only, which does not run on {architecture} (it runs {})",
        abis.join(", "), runs.join(", ")
    )]
    Architecture {
        /// What it has native code for.
        abis: Vec<String>,
        /// The declared architecture.
        architecture: Architecture,
        /// What the architecture runs.
        runs: Vec<&'static str>,
    },
    /// The file is not an image.
    #[error("{} is not an image: {reason}", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The image is not the one that is expected.
    #[error("{} has the {what} {found}, expected {expected}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs: `size`, `digest` or `fingerprint`.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The caller cancelled the work.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    pub(crate) fn entry(path: &EntryPath, problem: Problem) -> Self {
        let entry = path.to_string();
        Self::Entry { entry, problem }
    }

    pub(crate) fn limit(path: &EntryPath, limit: String) -> Self {
        let entry = path.to_string();
        Self::Limit { entry, limit }
    }

    pub(crate) fn damaged(place: impl Into<String>, source: io::Error) -> Self {
        let place = place.into();
        Self::Damaged { place, source }
    }
}

/// What is wrong with an entry of a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Its path is refused.
    #[error(transparent)]
    Path(#[from] PathProblem),
    /// It is neither a file nor a folder nor a symbolic link.
    #[error("is a {0}; only files, folders and symbolic links are allowed")]
    Kind(&'static str),
    /// It is there twice.
    #[error("is there twice")]
    Duplicate,
    /// It differs from another one in upper and lower case only.
    #[error("differs from {0:?} in upper and lower case only")]
    CaseCollision(String),
    /// It lies below something that is not a folder.
    #[error("lies below {0:?}, which is not a folder")]
    BelowNonFolder(String),
    /// It is a link that points out of the package.
    #[error("links to {0:?}, which is outside of the package")]
    LinkOut(String),
    /// It is a link to something that is not there.
    #[error("links to {0:?}, which is not in the package")]
    LinkToNothing(String),
    /// It is a link that goes through another link, or round in a circle.
    #[error("links to {0:?} by way of another link")]
    LinkThroughLink(String),
    /// It is encrypted.
    #[error("is encrypted")]
    Encrypted,
    /// It is compressed in a way that is not supported.
    #[error("is compressed with {0}, which is not supported")]
    Compression(String),
    /// It shares its compressed bytes with another one.
    #[error("overlaps {0:?} in the archive")]
    Overlap(String),
    /// It is larger than allowed.
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
    /// It was changed while it was read.
    #[error("changed while it was read")]
    Changed,
    /// It has to be something else.
    #[error("must be a {0}")]
    MustBe(&'static str),
}
