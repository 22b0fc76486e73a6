use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::S3Config;

/// Where images are: section `storage`, which holds exactly one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "Kinds")]
pub enum StorageConfig {
    /// In a folder.
    Fs(FsConfig),
    /// In a bucket.
    S3(Box<S3Config>),
}

/// Images in a folder: section `storage.fs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FsConfig {
    /// The folder. Uploads are staged in it, too: it has to be one volume.
    pub root_directory: PathBuf,
}

impl StorageConfig {
    /// Images in this folder.
    pub(crate) fn folder(root_directory: PathBuf) -> Self {
        Self::Fs(FsConfig { root_directory })
    }
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self::folder(PathBuf::from("data"))
    }
}

const BOTH: &str = "there are both fs and s3: keep one of them";

/// The kinds that a file names, whatever may be wrong with each.
#[derive(Deserialize)]
pub(super) struct Sketch {
    #[serde(rename = "storage")]
    _storage: Option<Named>,
}

#[derive(Deserialize)]
#[serde(try_from = "NamedKinds")]
struct Named;

#[derive(Deserialize)]
struct NamedKinds {
    fs: Option<IgnoredAny>,
    s3: Option<IgnoredAny>,
}

impl TryFrom<NamedKinds> for Named {
    type Error = &'static str;

    fn try_from(kinds: NamedKinds) -> Result<Self, Self::Error> {
        if kinds.fs.is_some() && kinds.s3.is_some() {
            return Err(BOTH);
        }
        Ok(Self)
    }
}

/// The section as it is written: it could hold both kinds, or none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kinds {
    fs: Option<FsConfig>,
    s3: Option<Box<S3Config>>,
}

impl TryFrom<Kinds> for StorageConfig {
    type Error = &'static str;

    fn try_from(kinds: Kinds) -> Result<Self, Self::Error> {
        match (kinds.fs, kinds.s3) {
            (Some(fs), None) if fs.root_directory.as_os_str().is_empty() => {
                Err("fs.root-directory is empty")
            }
            (Some(fs), None) => Ok(Self::Fs(fs)),
            (None, Some(s3)) => Ok(Self::S3(s3)),
            (Some(_), Some(_)) => Err(BOTH),
            (None, None) => Err("there is neither fs nor s3: name one of them"),
        }
    }
}
