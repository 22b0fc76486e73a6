use std::{io, path::PathBuf};

use aar_types::Architecture;

use crate::{ManifestErrors, PathError, path::EntryPath};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written; the message names the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(
        "{} is not a package: {found}; a package is a folder, a .zip or a .tar.bz2", path.display()
    )]
    Format {
        path: PathBuf,
        /// The format that was found instead.
        found: String,
    },
    #[error("the archive is damaged at {place}, so it has to be packed or downloaded again")]
    Damaged {
        /// The entry, or the part of the archive.
        place: String,
        source: io::Error,
    },
    #[error("{entry:?}: {reason}")]
    Entry {
        /// The path of the entry, as the archive has it.
        entry: String,
        reason: EntryError,
    },
    #[error("the package is refused at {entry:?}: more than {limit}")]
    Limit {
        /// The entry at which the limit was exceeded.
        entry: String,
        limit: String,
    },
    #[error("there is no manifest.yaml{}", nested.as_ref().map(|path| format!(
        " at the top, but there is {path}: pack the content of the folder, not the folder itself"
    )).unwrap_or_default())]
    NoManifest {
        /// The path of a manifest in a folder of the package.
        nested: Option<String>,
    },
    #[error(transparent)]
    Manifest(#[from] ManifestErrors),
    #[error("manifest.yaml: extra-data.{name}: there is no extra-data/{name} in the package")]
    NoExtraData { name: String },
    #[error(
        "there is no app.apk, but there is {0}: an application is installed from app.apk, so rename it"
    )]
    ApkName(String),
    #[error(
        "the package is an application file itself: {0}; a package is a folder or an archive with \
         manifest.yaml and the APK as app.apk"
    )]
    BareApk(&'static str),
    /// The package has warnings, and they were to be refused.
    #[error("{}", .0.join("; "))]
    Warnings(Vec<String>),
    #[error("app.apk is not a valid APK: {reason}")]
    Apk { reason: String },
    #[error(
        "app.apk has native code for {} only, which does not run on {architecture} (it runs {})",
        abis.join(", "), supported.join(", ")
    )]
    Architecture {
        abis: Vec<String>,
        architecture: Architecture,
        /// The ABIs that the architecture runs.
        supported: Vec<&'static str>,
    },
    /// The bytes are not what an image consists of; entries have [`Error::Entry`].
    #[error("the image is refused: {reason}")]
    Image { reason: String },
    #[error("{} is not an image: {reason}", path.display())]
    NotAnImage { path: PathBuf, reason: String },
    #[error("{} has the {property} {found}, expected {expected}", path.display())]
    Mismatch {
        path: PathBuf,
        /// `size`, `digest` or `fingerprint`.
        property: &'static str,
        expected: String,
        found: String,
    },
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    pub(crate) fn entry(path: &EntryPath, reason: EntryError) -> Self {
        let entry = path.to_string();
        Self::Entry { entry, reason }
    }

    pub(crate) fn limit(path: &EntryPath, limit: String) -> Self {
        let entry = path.to_string();
        Self::Limit { entry, limit }
    }

    pub(crate) fn image(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Image { reason }
    }

    pub(crate) fn damaged(place: impl Into<String>, source: io::Error) -> Self {
        let place = place.into();
        Self::Damaged { place, source }
    }
}

/// The reason why an entry of a package is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("is a {0}; only files, folders and symbolic links are allowed")]
    Type(&'static str),
    #[error("occurs twice; pack it again into a new archive")]
    Duplicate,
    #[error("differs from {0:?} in upper and lower case only, so one of them needs another name")]
    CaseCollision(String),
    #[error("is the same name as {0:?} for Android, so one of them needs another name")]
    NameCollision(String),
    #[error("is a hard link to {0:?}, which is not a file before it in the archive")]
    BrokenHardLink(String),
    #[error("is below {0:?}, which is not a folder")]
    BelowNonFolder(String),
    #[error("links to {0:?}, which is outside the package; pack a copy instead of the link")]
    LinkOutside(String),
    #[error("links to {0:?}, which is not in the package; pack the file, or leave out the link")]
    BrokenLink(String),
    /// Also a link to itself.
    #[error("links to {0:?} through another link; link to the file itself")]
    LinkThroughLink(String),
    #[error("is encrypted; pack it without a password")]
    Encrypted,
    #[error("is compressed with {0}, which is not supported; pack it with Deflate")]
    Compression(String),
    /// Two entries share compressed bytes.
    #[error("overlaps {0:?} in the archive; pack it again")]
    Overlap(String),
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
    #[error("changed while it was read")]
    Changed,
    #[error("must be a {0}")]
    MustBe(&'static str),
    /// In an image, where every folder is an entry.
    #[error("has no entry for its folder {0:?} before it")]
    FolderNotListed(String),
    /// In an image, whose entries are in the order of their paths.
    #[error("is out of order: it is after {0:?}")]
    OutOfOrder(String),
    /// In an image.
    #[error("is not in the canonical form: {0}")]
    NotCanonical(&'static str),
}
