//! The database of AMS: SQLite, one file of queries per table.
//!
//! A single writing connection keeps transactions from colliding; reads use their own connections.
//! Data that belongs together is written in one transaction. Functions that change an application
//! take a [permit](permits).

mod applications;
mod certificates;
mod config;
mod ids;
mod images;
mod import;
mod model;
mod permits;
mod publish;
mod registry;
mod rows;
mod versions;

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use aar_sqlite::Database;
use sqlx::{
    Sqlite, SqlitePool, Transaction, migrate::Migrator, query::Query, sqlite::SqliteArguments,
};

use crate::Error;

pub(crate) use ids::ApplicationId;
pub(crate) use model::{
    NewApplication, NewVersion, Origin, ReadyVersion, StoredApplication, StoredVersion,
    VersionState,
};
pub(crate) use permits::{
    AllowsChange, AllowsDelete, DeletePermit, EditPermit, Permit, RegistryPermit,
};

static MIGRATIONS: Migrator = sqlx::migrate!();
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store(Database);

impl Store {
    /// Opens the database, creates it if missing, and migrates it.
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        make_private(path)?;
        let database = Database::open(path, &MIGRATIONS, BUSY_TIMEOUT).await?;
        Ok(Self(database))
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn readers(&self) -> &SqlitePool {
        self.0.readers()
    }

    async fn read(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        Ok(self.0.read().await?)
    }

    async fn write(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        Ok(self.0.write().await?)
    }

    /// Commits a single statement and returns how many rows it changed.
    async fn execute(&self, statement: Query<'_, Sqlite, SqliteArguments>) -> Result<u64, Error> {
        let mut tx = self.write().await?;
        let done = statement.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

/// Keeps other users from reading a database that was restored with another mode. SQLite gives the
/// files beside it the same mode.
fn make_private(path: &Path) -> Result<(), Error> {
    let private = Permissions::from_mode(aar_fs::PRIVATE);
    aar_fs::if_exists(fs_err::set_permissions(path, private))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use aar_types::error_chain;

    use super::*;

    #[tokio::test]
    async fn database_that_cannot_grow_is_a_full_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("ams.db")).await.unwrap();
        // SQLite reports a write beyond this limit like a full disk.
        let limit = sqlx::query("PRAGMA max_page_count = 1");
        store.execute(limit).await.unwrap();
        let value = "x".repeat(100_000);
        let refused = store
            .set_config("registry.filter", Some(&value))
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::StorageFull(_)), "{refused:?}");
        assert_eq!(
            error_chain(&refused),
            "AMS has no space left on its disk: (code: 13) database or disk is full"
        );
    }
}
