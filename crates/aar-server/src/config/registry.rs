use aar_registry::{DatabaseOptions, Options, StorageOptions, UploadLimits};
use aar_types::Clock;

use super::{Config, StorageConfig, UploadsConfig};

impl Config {
    /// What the registry is to be opened with.
    pub fn registry(&self, clock: Clock) -> Options {
        let path = self.database.path.clone();
        let database = DatabaseOptions::Sqlite { path };
        let usual = Options::new(database, self.storage.registry());
        Options {
            clock,
            uploads: self.uploads.registry(usual.uploads),
            gc_grace: self.gc.grace.get(),
            ..usual
        }
    }
}

impl StorageConfig {
    /// What the registry is to know of the storage.
    pub(crate) fn registry(&self) -> StorageOptions {
        match self {
            Self::Fs(fs) => StorageOptions::Fs {
                root_directory: fs.root_directory.clone(),
            },
            Self::S3(s3) => StorageOptions::S3(Box::new(s3.registry())),
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
