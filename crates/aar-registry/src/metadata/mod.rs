//! The metadata: everything the registry knows beside the bytes of the images.
//!
//! This room holds all the SQL. There is one text of each statement for every engine: parameters
//! are written `$1`, and nothing is used that only one engine knows. What differs stays in this
//! file and in the folder of the engine's migrations.
//!
//! Reads go through [`Reading`], writes through [`Writing`]: a function that changes something
//! cannot be called with a transaction that only reads. Each is one transaction, so what a reader
//! sees is the state of one moment.

mod audit;
mod blobs;
mod changes;
mod parts;
mod registry;
mod sqlite;
mod trust;
mod uploads;
mod values;
mod variants;
mod versions;

#[cfg(test)]
mod tests;

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
};

use sqlx::{Sqlite, SqliteConnection};

pub(crate) use audit::AuditRow;
pub(crate) use blobs::{BlobRow, BlobState};
pub(crate) use parts::PartRow;
pub(crate) use registry::RegistryRow;
pub(crate) use trust::TrustRow;
pub(crate) use uploads::UploadRow;
pub(crate) use variants::{CatalogueFilter, VariantRow};
pub(crate) use versions::VersionRow;

pub(crate) use crate::keys::{VariantKey, VersionKey};
use crate::{DatabaseOptions, Error};

/// The database, whichever it is.
#[derive(Debug)]
pub(crate) struct Metadata {
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Sqlite(sqlite::Pools),
}

/// A transaction that only reads.
pub(crate) struct Reading {
    transaction: Transaction,
}

/// A transaction that writes. Only one is open at a time, over all processes.
pub(crate) struct Writing {
    reading: Reading,
}

enum Transaction {
    /// With the file, which SQLite does not name where it fails.
    Sqlite(sqlx::Transaction<'static, Sqlite>, Arc<Path>),
}

/// A connection of the engine, as the statement macro wants it.
enum Connection<'a> {
    Sqlite(&'a mut SqliteConnection),
}

impl Metadata {
    pub(crate) async fn open(options: &DatabaseOptions) -> Result<Self, Error> {
        let engine = match options {
            DatabaseOptions::Sqlite { path } => Engine::Sqlite(sqlite::Pools::open(path).await?),
        };
        Ok(Self { engine })
    }

    pub(crate) async fn read(&self) -> Result<Reading, Error> {
        let transaction = match &self.engine {
            Engine::Sqlite(pools) => Transaction::Sqlite(pools.read().await?, pools.path()),
        };
        Ok(Reading { transaction })
    }

    pub(crate) async fn write(&self) -> Result<Writing, Error> {
        let transaction = match &self.engine {
            Engine::Sqlite(pools) => Transaction::Sqlite(pools.write().await?, pools.path()),
        };
        let reading = Reading { transaction };
        Ok(Writing { reading })
    }

    pub(crate) async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(pools) => pools.close().await,
        }
    }
}

impl Reading {
    fn connection(&mut self) -> Connection<'_> {
        match &mut self.transaction {
            Transaction::Sqlite(transaction, _) => Connection::Sqlite(transaction),
        }
    }

    /// What the failure of a statement means.
    fn failure(&self, error: sqlx::Error) -> Error {
        match &self.transaction {
            Transaction::Sqlite(_, path) => sqlite::failure(path, error.into()),
        }
    }
}

impl Writing {
    pub(crate) async fn commit(self) -> Result<(), Error> {
        match self.reading.transaction {
            Transaction::Sqlite(transaction, path) => {
                let done = transaction.commit().await;
                done.map_err(|error| sqlite::failure(&path, error.into()))
            }
        }
    }

    /// Gives up what was written. Dropping does the same, only later.
    pub(crate) async fn rollback(self) -> Result<(), Error> {
        match self.reading.transaction {
            Transaction::Sqlite(transaction, path) => {
                let done = transaction.rollback().await;
                done.map_err(|error| sqlite::failure(&path, error.into()))
            }
        }
    }
}

impl Deref for Writing {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        &self.reading
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut Reading {
        &mut self.reading
    }
}

/// Runs one statement on whichever engine the transaction has: `execute` gives the number of rows
/// it touched, `optional` and `all` the rows it found, `one` the only row it can find.
macro_rules! sql {
    (execute $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query($sql)
                $(.bind($bind))*
                .execute(connection)
                .await
                .map(|done| done.rows_affected()),
        }
        .map_err(|error| $tx.failure(error))
    };
    (optional $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query_as($sql)
                $(.bind($bind))*
                .fetch_optional(connection)
                .await,
        }
        .map_err(|error| $tx.failure(error))
    };
    (one $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query_as($sql)
                $(.bind($bind))*
                .fetch_one(connection)
                .await,
        }
        .map_err(|error| $tx.failure(error))
    };
    (all $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query_as($sql)
                $(.bind($bind))*
                .fetch_all(connection)
                .await,
        }
        .map_err(|error| $tx.failure(error))
    };
}
use sql;
