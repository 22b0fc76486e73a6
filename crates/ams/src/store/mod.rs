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

    /// For work that frees space or withdraws trust: it may use the reserve of a full volume.
    async fn write_from_reserve(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        Ok(self.0.write_from_reserve().await?)
    }

    /// Commits a single statement and returns how many rows it changed.
    async fn execute(&self, statement: Query<'_, Sqlite, SqliteArguments>) -> Result<u64, Error> {
        execute(self.write().await?, statement).await
    }

    /// The same for a statement that frees space or withdraws trust.
    async fn execute_from_reserve(
        &self,
        statement: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<u64, Error> {
        execute(self.write_from_reserve().await?, statement).await
    }
}

async fn execute(
    mut tx: Transaction<'static, Sqlite>,
    statement: Query<'_, Sqlite, SqliteArguments>,
) -> Result<u64, Error> {
    let done = statement.execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(done.rows_affected())
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
    use aar_testkit::SmallVolume;
    use aar_types::error_chain;

    use super::*;

    #[tokio::test]
    async fn full_volume_accepts_everything_that_frees_space_or_withdraws_trust() {
        let Some(volume) = SmallVolume::mount("store on a full volume", 32) else {
            return;
        };
        let path = volume.path().join("ams.db");
        let store = Store::open(&path).await.unwrap();
        let fingerprint = aar_types::Fingerprint::from_bytes([7; 32]);
        let trusted = sqlx::query(
            "INSERT INTO certificates (fingerprint, der, added_at) VALUES (?1, x'30', 0)",
        )
        .bind(fingerprint.to_string());
        store.execute(trusted).await.unwrap();
        let application = NewApplication {
            id: ApplicationId::new(),
            name: "app".parse().unwrap(),
            metadata: aar_types::ApplicationMetadata::default(),
            created_at: 0,
        };
        let mut tx = store.write().await.unwrap();
        applications::insert(&mut tx, &application, Origin::Local)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        let filler = volume.fill();

        let store = Store::open(&path).await.unwrap();
        let permit = application.edit_permit();
        store
            .version_failed(&permit, aar_types::VersionNumber(0), "full")
            .await
            .unwrap();
        assert!(store.remove_certificate(&fingerprint).await.unwrap());
        let found = store.application("app").await.unwrap().unwrap();
        let permit = found.delete_permit(false).unwrap();
        assert!(store.remove_application(&permit).await.unwrap());
        let refused = store
            .set_config("registry.filter", Some("x"))
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::StorageFull(_)), "{refused:?}");
        fs_err::remove_file(filler).unwrap();
        store
            .set_config("registry.filter", Some("x"))
            .await
            .unwrap();
        store.close().await;
    }

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
