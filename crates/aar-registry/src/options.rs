use std::{path::PathBuf, time::Duration};

use aar_types::Clock;

use crate::S3Options;

/// The options of a registry.
#[derive(Debug, Clone)]
pub struct Options {
    pub database: DatabaseOptions,
    pub storage: StorageOptions,
    pub clock: Clock,
    pub uploads: UploadLimits,
    /// The time for which an unreferenced blob is kept. It must be longer than the time from the end of an
    /// upload to the commit of its version.
    pub gc_grace: Duration,
    /// The time after which a withdrawn version is deleted; `None` keeps withdrawn versions.
    pub withdrawn_retention: Option<Duration>,
    /// The number of changes that the feed keeps.
    pub changes_kept: u64,
}

impl Options {
    pub fn new(database: DatabaseOptions, storage: StorageOptions) -> Self {
        Self {
            database,
            storage,
            clock: Clock::system(),
            uploads: UploadLimits::default(),
            gc_grace: Duration::from_hours(24),
            withdrawn_retention: None,
            changes_kept: 100_000,
        }
    }
}

/// The location of the metadata.
#[derive(Debug, Clone)]
pub enum DatabaseOptions {
    Sqlite {
        /// File and folder are created if they are missing, private to the user.
        path: PathBuf,
    },
}

/// The location of the images.
#[derive(Debug, Clone)]
pub enum StorageOptions {
    Fs {
        /// Created if it is missing.
        root_directory: PathBuf,
    },
    S3(Box<S3Options>),
}

/// The limits of all uploads together.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    /// The maximum number of open uploads.
    pub max_open: u64,
    /// The maximum total length of open uploads, in bytes. An upload reserves its whole length when it is
    /// created, so later uploads do not displace it.
    pub max_staged_bytes: u64,
    /// The time without progress after which an upload expires.
    pub expire_after: Duration,
    /// The time without data after which a request fails.
    pub stall_after: Duration,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            max_open: 256,
            max_staged_bytes: 256 << 30,
            expire_after: Duration::from_hours(24),
            stall_after: Duration::from_mins(1),
        }
    }
}
