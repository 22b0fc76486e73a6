use aar_registry::{DatabaseOptions, Options, StorageOptions, UploadLimits};
use aar_types::Clock;

use super::{Config, StorageConfig, UploadsConfig};

/// The configuration names a bucket, which this version cannot store images in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("storage.s3 is not supported by this version: configure storage.fs instead")]
pub struct S3NotSupported;

impl Config {
    /// What the registry is to be opened with.
    pub fn registry(&self, clock: Clock) -> Result<Options, S3NotSupported> {
        let path = self.database.path.clone();
        let database = DatabaseOptions::Sqlite { path };
        let usual = Options::new(database, self.storage.registry()?);
        Ok(Options {
            clock,
            uploads: self.uploads.registry(usual.uploads),
            gc_grace: self.gc.grace.get(),
            ..usual
        })
    }
}

impl StorageConfig {
    fn registry(&self) -> Result<StorageOptions, S3NotSupported> {
        match self {
            Self::Fs(fs) => Ok(StorageOptions::Fs {
                root_directory: fs.root_directory.clone(),
            }),
            Self::S3(_) => Err(S3NotSupported),
        }
    }
}

impl UploadsConfig {
    fn registry(&self, usual: UploadLimits) -> UploadLimits {
        UploadLimits {
            max_open: u64::from(self.max_open.get()),
            max_staged_bytes: self.max_staged.bytes(),
            expire_after: self.expire_after.get(),
            ..usual
        }
    }
}
