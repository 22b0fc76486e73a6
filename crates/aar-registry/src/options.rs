use std::{path::PathBuf, time::Duration};

use aar_types::{Clock, root_cause};
use sqlx::postgres::PgConnectOptions;

use crate::{S3Options, Secret};

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
    Postgres(Box<PostgresOptions>),
}

/// A database on a PostgreSQL server.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    pub(crate) connect: PgConnectOptions,
    /// The maximum number of connections of this process.
    pub(crate) max_connections: u32,
}

impl DatabaseOptions {
    /// A database on a PostgreSQL server: `postgres://user@host:port/database?sslmode=verify-full`. A missing
    /// password is taken from the environment, as `libpq` does.
    pub fn postgres(
        url: &str,
        password: Option<&Secret>,
        max_connections: u32,
    ) -> Result<Self, InvalidDatabaseUrl> {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("postgres" | "postgresql")) {
            return Err(InvalidDatabaseUrl {
                reason: "it does not begin with postgres://".to_owned(),
            });
        }
        let connect: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| {
            let reason = root_cause(&error).to_string();
            InvalidDatabaseUrl { reason }
        })?;
        let connect = match password {
            Some(password) => connect.password(password.expose()),
            None => connect,
        };
        Ok(Self::Postgres(Box::new(PostgresOptions {
            connect,
            max_connections,
        })))
    }
}

/// The address of a database cannot be used. It is not shown, because it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no address of a PostgreSQL database, such as postgres://aar@db.internal/aar?sslmode=verify-full: {reason}"
)]
pub struct InvalidDatabaseUrl {
    reason: String,
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
