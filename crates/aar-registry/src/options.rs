use std::{path::PathBuf, time::Duration};

use aar_types::Clock;

use crate::S3Options;

/// Everything a registry needs to know to be opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the metadata is.
    pub database: DatabaseOptions,
    /// Where the images are.
    pub storage: StorageOptions,
    /// Where the time comes from.
    pub clock: Clock,
    /// What uploads may take.
    pub uploads: UploadLimits,
    /// How long a blob that no version refers to is kept. It must be longer than the way from the
    /// end of an upload to the commit of its version.
    pub gc_grace: Duration,
    /// How many changes the feed remembers.
    pub changes_kept: u64,
}

impl Options {
    /// The given places, and defaults for all the rest.
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

/// The database that holds the metadata.
#[derive(Debug, Clone)]
pub enum DatabaseOptions {
    /// A file on this machine.
    Sqlite {
        /// The file; it and its folder are created where missing, readable by nobody else.
        path: PathBuf,
    },
}

/// The storage that holds the images.
#[derive(Debug, Clone)]
pub enum StorageOptions {
    /// A folder on this machine.
    Fs {
        /// The folder; it is created where missing.
        root_directory: PathBuf,
    },
    /// A bucket.
    S3(Box<S3Options>),
}

/// What uploads may take together.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    /// How many may be open at once.
    pub max_open: u64,
    /// How many bytes all open uploads may have announced. An upload takes its whole length from
    /// its start, so one that was let in is not pushed out by a later one.
    pub max_staged_bytes: u64,
    /// How long an upload waits to be continued.
    pub expire_after: Duration,
    /// How long a request may send nothing before it is taken for dead.
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
