use std::{path::PathBuf, time::Duration};

use aar_types::Clock;

use crate::S3Options;

/// What a registry needs to be opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub database: DatabaseOptions,
    pub storage: StorageOptions,
    pub clock: Clock,
    pub uploads: UploadLimits,
    /// How long an unreferenced blob is kept. It has to be longer than the time from the end of an
    /// upload to the commit of its version.
    pub gc_grace: Duration,
    /// How many changes the feed keeps.
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
            changes_kept: 100_000,
        }
    }
}

/// Where the metadata is.
#[derive(Debug, Clone)]
pub enum DatabaseOptions {
    Sqlite {
        /// File and folder are created when they are missing, private to the user.
        path: PathBuf,
    },
}

/// Where the images are.
#[derive(Debug, Clone)]
pub enum StorageOptions {
    Fs {
        /// Created when it is missing.
        root_directory: PathBuf,
    },
    S3(Box<S3Options>),
}

/// What all uploads together may take.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    /// How many may be open at once.
    pub max_open: u64,
    /// How many bytes all open uploads may have announced. An upload reserves its whole length when it
    /// is created, so later uploads do not displace it.
    pub max_staged_bytes: u64,
    /// How long an upload waits to be continued.
    pub expire_after: Duration,
    /// How long a request may send nothing before it counts as broken.
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
