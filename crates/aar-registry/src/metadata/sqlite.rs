//! SQLite as the engine: one connection that writes, a few that read.
//!
//! The database is in WAL mode, so that readers and the writer do not wait for each other, and
//! every commit is on the disk before it is reported. Several processes may have it open: the
//! write transaction takes the write lock when it begins, never later, so it cannot fail half-way
//! because another process got ahead of it.

use std::{error, io, path::Path, sync::Arc, time::Duration};

use fs_err::{OpenOptions, os::unix::fs::OpenOptionsExt};
use sqlx::{
    Connection as _, Sqlite, SqlitePool, Transaction,
    error::DatabaseError,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use tokio::time::{Instant, sleep};

use crate::{Error, folder};

static MIGRATIONS: Migrator = sqlx::migrate!("src/metadata/migrations/sqlite");

/// How long a writer waits for the writer of another process, which may wait for a bucket.
const BUSY_TIMEOUT: Duration = Duration::from_mins(1);
/// How long to wait where SQLite itself does not.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// For how long the failure of a migration may be that of two at once.
const MIGRATING: Duration = Duration::from_secs(2);
const SQLITE_BUSY: u32 = 5;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;
/// Enough to use the cores while some of the readers wait for the disk.
const READERS: u32 = 8;

#[derive(Debug)]
pub(super) struct Pools {
    writer: SqlitePool,
    readers: SqlitePool,
    path: Arc<Path>,
}

impl Pools {
    pub(super) async fn open(path: &Path) -> Result<Self, Error> {
        create_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let begun = Instant::now();
        loop {
            // Where two processes put a new database into WAL mode at once, SQLite does not wait for
            // the other one but gives up.
            match Self::connect(path, &options).await {
                Err(Error::Database(error))
                    if is_busy(&error) && begun.elapsed() < BUSY_TIMEOUT =>
                {
                    sleep(BUSY_PAUSE).await;
                }
                opened => return opened.map_err(|error| failure(path, error)),
            }
        }
    }

    async fn connect(path: &Path, options: &SqliteConnectOptions) -> Result<Self, Error> {
        let writer = pool(1).connect_with(options.clone()).await?;
        migrate(&writer).await?;
        let read_only = options.clone().pragma("query_only", "ON");
        let readers = pool(READERS).connect_with(read_only).await?;
        let path = Arc::from(path);
        Ok(Self {
            writer,
            readers,
            path,
        })
    }

    pub(super) async fn read(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        let begun = self.readers.begin().await;
        begun.map_err(|error| failure(&self.path, error.into()))
    }

    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        begun.map_err(|error| failure(&self.path, error.into()))
    }

    /// The file.
    pub(super) fn path(&self) -> Arc<Path> {
        Arc::clone(&self.path)
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Names the file where it is damaged, since somebody has to do something about it.
pub(super) fn failure(path: &Path, error: Error) -> Error {
    match damage(&error) {
        Some(damage) => Error::DatabaseDamaged {
            path: path.to_owned(),
            source: damage.into(),
        },
        None => error,
    }
}

/// What SQLite says where the file is damaged, or no database at all.
fn damage(error: &(dyn error::Error + 'static)) -> Option<String> {
    if let Some(sqlx::Error::Database(error)) = error.downcast_ref() {
        let damaged = matches!(primary_code(&**error), Some(SQLITE_CORRUPT | SQLITE_NOTADB));
        return damaged.then(|| error.to_string());
    }
    damage(error.source()?)
}

/// Whether somebody else has the database.
fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(primary_code) == Some(SQLITE_BUSY)
}

/// What kind of failure it is. The lowest byte says what it is, the others why.
fn primary_code(error: &dyn DatabaseError) -> Option<u32> {
    let code: u32 = error.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Where a disk is full, SQLite gives a transaction up by itself, and the connection goes on as if
/// it were open: nothing could be begun on it ever again. Such a connection is replaced.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            let usable = !connection.is_in_transaction();
            Box::pin(std::future::ready(Ok(usable)))
        })
        .idle_timeout(None)
        .max_lifetime(None)
}

/// Creates the database file, and its folder, for nobody else to read. The files that SQLite puts
/// beside it take over its mode.
///
/// A file that exists is not opened: closing it again would take away the locks that this process
/// may hold on it already.
fn create_private(path: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        folder::create_private(folder)?;
    }
    let mut options = OpenOptions::new();
    let created = options.write(true).create_new(true).mode(0o600).open(path);
    match created {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::Io(error)),
        _ => Ok(()),
    }
}

/// Brings the database to the present schema. Another process may be doing the same at this very
/// moment, a step ahead or behind; one of the next looks then finds it done.
async fn migrate(writer: &SqlitePool) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        match MIGRATIONS.run(writer).await {
            Err(error @ MigrateError::ExecuteMigration(..)) if begun.elapsed() < MIGRATING => {
                tracing::debug!(%error, "looking again at the schema of the database");
                sleep(BUSY_PAUSE).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_transaction_that_sqlite_gave_up_does_not_spoil_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let pools = Pools::open(&folder.path().join("registry.db"))
            .await
            .unwrap();
        let mut given_up = pools.write().await.unwrap();
        // What SQLite does by itself where the disk is full.
        let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut *given_up).await;
        rollback.unwrap();
        assert!(given_up.commit().await.is_err());
        let next = pools.write().await.unwrap();
        next.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_database_that_cannot_grow_is_a_full_disk_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let pools = Pools::open(&folder.path().join("registry.db"))
            .await
            .unwrap();
        // SQLite answers a write beyond its limit as one for which the disk has no room.
        let limit = sqlx::raw_sql("PRAGMA max_page_count = 1");
        limit.execute(&pools.writer).await.unwrap();
        let refused =
            sqlx::raw_sql("CREATE TABLE more (x); INSERT INTO more VALUES (zeroblob(99999))")
                .execute(&pools.writer)
                .await;
        let refused = Error::from(refused.unwrap_err());
        let Error::StorageFull { source } = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refused.to_string(), "nothing more can be stored");
        assert_eq!(source.to_string(), "(code: 13) database or disk is full");
        assert!(source.source().is_none(), "{source:?}");
    }
}
