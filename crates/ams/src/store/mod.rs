//! What AMS remembers, in SQLite.
//!
//! One file per table. Everything that belongs together is written in one transaction; there is a
//! single writing connection, so transactions never collide, and as many readers as needed.
//! Functions that change an application ask for a permit of the [guard](crate::applications::guard).

mod applications;
mod certificates;
mod config;
mod images;
mod import;
mod publish;
mod registry;
mod versions;

use std::{path::Path, time::Duration};

use sqlx::{
    Connection as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::Error;

pub(crate) use applications::{
    NewApplication, Origin, StoredApplication, StoredVersion, VersionState,
};
pub(crate) use versions::{NewVersion, Ready};

const READERS: u32 = 8;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Store {
    /// Opens the database, creates it if missing and brings it to the present form.
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = pool(1).connect_with(options.clone()).await?;
        sqlx::migrate!().run(&writer).await?;
        let readers = pool(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { readers, writer })
    }

    /// Closes all connections, so that the write-ahead log is folded into the database.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Whether nothing can be read or written any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.writer.is_closed()
    }

    async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, Error> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// Where a disk is full, SQLite gives a transaction up by itself, and the connection goes on as if
/// it were open: nothing could be begun on it ever again. Such a connection is replaced.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .before_acquire(|connection, _| {
            let usable = !connection.is_in_transaction();
            Box::pin(std::future::ready(Ok(usable)))
        })
}

type Writer = SqliteConnection;

/// A column whose text does not have the form its type asks for.
fn corrupt(what: &str, error: &impl std::fmt::Display) -> Error {
    Error::Corrupt(format!("a bad {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::chain;

    #[tokio::test]
    async fn a_transaction_that_sqlite_gave_up_does_not_spoil_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("ams.db")).await.unwrap();
        let mut given_up = store.begin().await.unwrap();
        // What SQLite does by itself where the disk is full.
        let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut *given_up).await;
        rollback.unwrap();
        assert!(given_up.commit().await.is_err());
        let next = store.begin().await.unwrap();
        next.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_database_that_cannot_grow_is_a_full_disk_and_works_again_when_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("ams.db")).await.unwrap();
        let limit = async |pages: u32| {
            let pragma = AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
            sqlx::raw_sql(pragma).execute(&store.writer).await.unwrap();
        };
        // SQLite answers a write beyond its limit as one for which the disk has no room.
        limit(1).await;
        let value = "x".repeat(100_000);
        let refused = store
            .set_config("registry.filter", Some(&value))
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::StorageFull(_)), "{refused:?}");
        assert_eq!(
            chain(&refused),
            "AMS has no space left on its disk: (code: 13) database or disk is full"
        );
        limit(100_000).await;
        store
            .set_config("registry.filter", Some(&value))
            .await
            .unwrap();
    }
}
