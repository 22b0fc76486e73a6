use std::io;

use aar_registry::{Options, StorageOptions, UploadLimits};
use aar_types::Clock;

use super::{Config, NonZeroDuration, StorageConfig, UploadsConfig};

impl Config {
    /// The options to open the registry with. Reads the password of the database.
    pub fn registry(&self, clock: Clock) -> io::Result<Options> {
        let defaults = Options::new(self.database.registry()?, self.storage.registry());
        Ok(Options {
            clock,
            uploads: self.uploads.registry(defaults.uploads),
            gc_grace: self.gc.grace.get(),
            withdrawn_retention: self.gc.withdrawn_retention.map(NonZeroDuration::get),
            ..defaults
        })
    }
}

impl StorageConfig {
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
    fn registry(&self, defaults: UploadLimits) -> UploadLimits {
        UploadLimits {
            max_open: u64::from(self.max_open.get()),
            max_staged_bytes: self.max_staged.bytes(),
            expire_after: self.expire_after.get(),
            ..defaults
        }
    }
}
