use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::S3Config;

/// The section `storage`, which has exactly one kind of storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "StorageSection")]
pub enum StorageConfig {
    Fs(FsConfig),
    S3(Box<S3Config>),
}

/// The section `storage.fs`: images in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FsConfig {
    /// The folder, on one volume: uploads are staged in it, too.
    pub root_directory: PathBuf,
}

impl StorageConfig {
    pub(crate) fn folder(root_directory: PathBuf) -> Self {
        Self::Fs(FsConfig { root_directory })
    }

    pub(crate) fn has_secret(&self) -> bool {
        match self {
            Self::Fs(_) => false,
            Self::S3(s3) => s3.credentials.is_some() || s3.cloudfront.is_some(),
        }
    }
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self::folder(PathBuf::from("data"))
    }
}

const BOTH: &str = "fs and s3 exclude each other: keep one of them";

/// Refuses a file with two kinds of storage, without reading the keys of either.
#[derive(Deserialize)]
pub(super) struct StorageKindCheck {
    #[serde(rename = "storage")]
    _storage: Option<OneStorageKind>,
}

#[derive(Deserialize)]
#[serde(try_from = "StorageKinds")]
struct OneStorageKind;

#[derive(Deserialize)]
struct StorageKinds {
    fs: Option<IgnoredAny>,
    s3: Option<IgnoredAny>,
}

impl TryFrom<StorageKinds> for OneStorageKind {
    type Error = &'static str;

    fn try_from(kinds: StorageKinds) -> Result<Self, Self::Error> {
        if kinds.fs.is_some() && kinds.s3.is_some() {
            return Err(BOTH);
        }
        Ok(Self)
    }
}

/// The section in the file, which may have both kinds or none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StorageSection {
    fs: Option<FsConfig>,
    s3: Option<Box<S3Config>>,
}

impl TryFrom<StorageSection> for StorageConfig {
    type Error = &'static str;

    fn try_from(section: StorageSection) -> Result<Self, Self::Error> {
        match (section.fs, section.s3) {
            (Some(fs), None) if fs.root_directory.as_os_str().is_empty() => {
                Err("fs.root-directory is empty")
            }
            (Some(fs), None) => Ok(Self::Fs(fs)),
            (None, Some(s3)) => Ok(Self::S3(s3)),
            (Some(_), Some(_)) => Err(BOTH),
            (None, None) => Err("fs or s3 is missing: add one of them"),
        }
    }
}
