//! The configuration file, `conf/main.yaml` under the base folder: one section per file here.
//!
//! The file says only what differs from the defaults; no file at all means all of them. Relative
//! paths are meant from the base folder. Whatever is not understood is refused, by file, line and
//! key, before anything is touched: a misspelt key must not become a default.

mod cloudfront;
mod database;
mod duration;
mod gc;
mod http;
mod listen;
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
pub use database::DatabaseConfig;
pub use duration::{Life, Period, Span};
pub use gc::GcConfig;
pub use http::HttpConfig;
pub use listen::ListenAddress;
pub use rewrite::RewriteError;
pub use s3::{EncryptionConfig, EncryptionKind, S3Config, S3Credentials};
pub use secret::Secret;
pub use size::Size;
pub use storage::{FsConfig, StorageConfig};

use storage::Sketch;
pub use uploads::UploadsConfig;

/// Everything that can be configured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// How the registry is reached.
    pub http: HttpConfig,
    /// Where images are.
    pub storage: StorageConfig,
    /// Where metadata is.
    pub database: DatabaseConfig,
    /// What is logged, and how.
    pub logger: LoggerConfig,
    /// What uploads may take.
    pub uploads: UploadsConfig,
    /// When unused images go.
    pub gc: GcConfig,
}

impl Config {
    /// Where the configuration file of a base folder is.
    pub fn path(base: &Path) -> PathBuf {
        base.join("conf/main.yaml")
    }

    /// The configuration of a base folder.
    pub fn of_base(base: &Path) -> Result<Self, ConfigError> {
        Self::load(&Self::path(base), base)
    }

    /// The configuration in a file, with its relative paths resolved from the base folder.
    pub fn load(file: &Path, base: &Path) -> Result<Self, ConfigError> {
        // What is wrong with one kind of storage is of no interest where there are two.
        config_file::load::<Sketch>(file)?;
        let config: Self = config_file::load(file)?.unwrap_or_default();
        Ok(config.resolved(base))
    }

    /// The same from a text that is to be the file.
    fn parse(text: &str, file: &Path, base: &Path) -> Result<Self, ConfigError> {
        let config: Self = config_file::parse(file, text)?;
        Ok(config.resolved(base))
    }

    fn resolved(mut self, base: &Path) -> Self {
        self.database.path = base.join(&self.database.path);
        if let StorageConfig::Fs(fs) = &mut self.storage {
            fs.root_directory = base.join(&fs.root_directory);
        }
        self
    }
}
