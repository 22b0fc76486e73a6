//! The metadata: all data of the registry except the bytes of images.
//!
//! This module holds all SQL. A statement has one text for every engine: parameters are written `$1`, and
//! only SQL that all engines support is used. The differences are in this file, in the file of the engine and
//! in the folder of its migrations.
//!
//! A function that changes a row takes a [`Writing`], so it cannot be called with a read-only transaction. No
//! request to the network is made while a [`Writing`] is open: it excludes every other writer, in all
//! processes.

mod audit;
mod blobs;
mod changes;
mod leases;
mod outbox;
mod parts;
mod registry;
mod sqlite;
mod trust;
mod trust_imports;
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
pub use audit::{AuditEntry, AuditQuery, Outcome};
pub(crate) use blobs::{BlobRow, BlobState};
pub(crate) use leases::LeaseTimes;
pub(crate) use outbox::OutboxRow;
pub(crate) use parts::PartRow;
pub(crate) use registry::RegistryRow;
pub(crate) use trust::TrustRow;
pub use trust::TrustedCertificate;
pub use trust_imports::TrustImport;
pub(crate) use uploads::UploadRow;
pub(crate) use values::now;
pub(crate) use variants::{CatalogueFilter, VariantRow};
pub(crate) use versions::VersionRow;

pub(crate) use crate::keys::{VariantKey, VersionKey};
use crate::{DatabaseOptions, Error};

#[derive(Debug)]
pub(crate) struct Metadata {
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Sqlite(aar_sqlite::Database),
}

/// A read-only transaction: it sees the state of one moment.
pub(crate) struct Reading {
    transaction: Transaction,
}

/// A write transaction. Only one is open at a time, over all processes.
pub(crate) struct Writing {
    reading: Reading,
}

enum Transaction {
    /// With the path of the file, which the errors of SQLite do not have.
    Sqlite(sqlx::Transaction<'static, Sqlite>, Arc<Path>),
}

/// A connection of the engine, as the statement macro requires it.
enum Connection<'a> {
    Sqlite(&'a mut SqliteConnection),
}

impl Metadata {
    pub(crate) async fn open(options: &DatabaseOptions) -> Result<Self, Error> {
        let engine = match options {
            DatabaseOptions::Sqlite { path } => Engine::Sqlite(sqlite::open(path).await?),
        };
        Ok(Self { engine })
    }

    pub(crate) async fn read(&self) -> Result<Reading, Error> {
        let Engine::Sqlite(database) = &self.engine;
        let transaction = Transaction::sqlite(database, database.read().await)?;
        Ok(Reading { transaction })
    }

    pub(crate) async fn write(&self) -> Result<Writing, Error> {
        let Engine::Sqlite(database) = &self.engine;
        let transaction = Transaction::sqlite(database, database.write().await)?;
        let reading = Reading { transaction };
        Ok(Writing { reading })
    }

    pub(crate) async fn close(&self) {
        let Engine::Sqlite(database) = &self.engine;
        database.close().await;
    }
}

impl Transaction {
    fn sqlite(
        database: &aar_sqlite::Database,
        begun: Result<sqlx::Transaction<'static, Sqlite>, sqlx::Error>,
    ) -> Result<Self, Error> {
        let path = Arc::clone(database.path());
        match begun {
            Ok(transaction) => Ok(Self::Sqlite(transaction, path)),
            Err(error) => Err(sqlite::failure(&path, error)),
        }
    }
}

impl Reading {
    fn connection(&mut self) -> Connection<'_> {
        let Transaction::Sqlite(transaction, _) = &mut self.transaction;
        Connection::Sqlite(transaction)
    }

    fn failure(&self, error: sqlx::Error) -> Error {
        let Transaction::Sqlite(_, path) = &self.transaction;
        sqlite::failure(path, error)
    }
}

impl Writing {
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let Transaction::Sqlite(transaction, path) = self.reading.transaction;
        let done = transaction.commit().await;
        done.map_err(|error| sqlite::failure(&path, error))
    }

    /// A drop also rolls back, but only at the next use of the connection.
    pub(crate) async fn rollback(self) -> Result<(), Error> {
        let Transaction::Sqlite(transaction, path) = self.reading.transaction;
        let done = transaction.rollback().await;
        done.map_err(|error| sqlite::failure(&path, error))
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

/// Runs one statement on the engine of the transaction. `execute` returns the number of affected rows,
/// `optional` and `all` return the rows found, `one` returns the only possible row.
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
