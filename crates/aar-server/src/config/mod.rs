//! The configuration file, `conf/main.yaml` below the base folder. Each section has a file here.
//!
//! All keys have defaults, and the file may be missing. Paths are relative to the base folder. An invalid
//! file is refused with file, line and key before anything is changed: a misspelt key must not silently
//! select a default.

mod cloudfront;
mod database;
mod duration;
mod gc;
mod http;
mod listen;
mod operations;
mod registry;
pub(crate) mod rewrite;
mod s3;
mod secret;
mod size;
mod storage;
mod uploads;

use std::path::{Path, PathBuf};

use aar_daemon::{
    config_file::{self, ConfigError},
    logging::LoggerConfig,
};
use serde::{Deserialize, Serialize};

pub use cloudfront::CloudFrontConfig;
pub use database::{DatabaseConfig, DatabaseUrl};
pub use duration::{ConfigDuration, NonZeroDuration, UrlTtl};
pub use gc::GcConfig;
pub use http::HttpConfig;
pub use listen::ListenAddress;
pub use operations::OperationsConfig;
pub use rewrite::RewriteError;
pub use s3::{EncryptionConfig, EncryptionKind, S3Config, S3Credentials};
pub use secret::Secret;
pub use size::Size;
pub use storage::{FsConfig, StorageConfig};

use storage::StorageKindCheck;
pub use uploads::UploadsConfig;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    pub http: HttpConfig,
    /// The storage of images.
    pub storage: StorageConfig,
    pub database: DatabaseConfig,
    pub logger: LoggerConfig,
    pub uploads: UploadsConfig,
    pub gc: GcConfig,
    /// The listener for metrics and probes.
    pub operations: OperationsConfig,
}

impl Config {
    /// The path of the configuration file of a base folder.
    pub fn path(base: &Path) -> PathBuf {
        base.join("conf/main.yaml")
    }

    /// The configuration of a base folder.
    pub fn of_base(base: &Path) -> Result<Self, ConfigError> {
        Self::load(&Self::path(base), base)
    }

    /// The configuration in a file, with its relative paths resolved from the base folder.
    pub fn load(file: &Path, base: &Path) -> Result<Self, ConfigError> {
        // With two kinds of storage, errors within one of them do not matter.
        config_file::load::<StorageKindCheck>(file)?;
        let config: Self = config_file::load(file)?.unwrap_or_default();
        Ok(config.resolved(base))
    }

    /// The configuration in a text that is to become the file.
    fn parse(text: &str, file: &Path, base: &Path) -> Result<Self, ConfigError> {
        let config: Self = config_file::parse(file, text)?;
        Ok(config.resolved(base))
    }

    fn resolved(mut self, base: &Path) -> Self {
        self.database.resolve(base);
        self.operations.resolve(base);
        if let StorageConfig::Fs(fs) = &mut self.storage {
            fs.root_directory = base.join(&fs.root_directory);
        }
        self
    }
}
