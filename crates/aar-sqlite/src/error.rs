use std::{error, io};

use sqlx::{error::DatabaseError, migrate::MigrateError};

/// The reason why a database file cannot be opened. Messages do not name the file: the caller does.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or its folder could not be created.
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{failure}")]
    Sqlite {
        /// The class of the failure.
        failure: Failure,
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// A migration was applied that this program does not have.
    #[error(
        "the database has schema {found}, which this program does not know: use the version of the program that wrote it, or a newer one"
    )]
    NewerSchema {
        /// The number of the migration.
        found: i64,
    },
    /// The migrations could not be applied.
    #[error("the schema of the database could not be brought up to date")]
    Migration(#[source] MigrateError),
}

/// The class of a failure of SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Another process kept the database locked for longer than the busy timeout.
    #[error("another process keeps the database locked")]
    Busy,
    /// The disk or the quota is full.
    #[error("no space is left for the database")]
    StorageFull,
    /// The file, its folder or the file system cannot be written.
    #[error("the database is read-only")]
    ReadOnly,
    /// The file is damaged, or is not a database.
    #[error("the database is damaged")]
    Damaged,
    /// All connections are in use for longer than the pool waits, or are closed.
    #[error("no connection to the database is available")]
    Unavailable,
    /// Anything else: a fault of the disk or of the program.
    #[error("the database failed")]
    Other,
}

impl Failure {
    /// Classifies an error of sqlx.
    pub fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => Self::of_sqlite(&**error),
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::Unavailable,
            sqlx::Error::Io(error) if aar_fs::is_storage_full(error) => Self::StorageFull,
            _ => Self::Other,
        }
    }

    /// Classifies a result code of SQLite: its lowest byte is the error, the others its cause.
    fn of_sqlite(error: &dyn DatabaseError) -> Self {
        const BUSY: u32 = 5;
        const LOCKED: u32 = 6;
        const READONLY: u32 = 8;
        const CORRUPT: u32 = 11;
        const FULL: u32 = 13;
        const NOTADB: u32 = 26;
        /// There is no space for the index of the write-ahead log.
        const IOERR_SHMSIZE: u32 = 4874;

        let code = error.code().and_then(|code| code.parse::<u32>().ok());
        match code.map(|code| (code, code & 0xff)) {
            Some((IOERR_SHMSIZE, _) | (_, FULL)) => Self::StorageFull,
            Some((_, BUSY | LOCKED)) => Self::Busy,
            Some((_, READONLY)) => Self::ReadOnly,
            Some((_, CORRUPT | NOTADB)) => Self::Damaged,
            _ => Self::Other,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let failure = Failure::of(&error);
        let source = match error {
            // The outer error repeats the message of the inner one.
            sqlx::Error::Database(error) => error.into_error(),
            error => error.into(),
        };
        Self::Sqlite { failure, source }
    }
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => error.into(),
            MigrateError::ExecuteMigration(error, _) if Failure::of(&error) != Failure::Other => {
                error.into()
            }
            MigrateError::VersionMissing(found) => Self::NewerSchema { found },
            error => Self::Migration(error),
        }
    }
}
