//! The metadata: all data of the registry except the bytes of images.
//!
//! This module holds all SQL. A statement has one text for every engine: parameters are written `$1`, and
//! only SQL that all engines support is used. The differences are in this file, in the file of the engine and
//! in the folder of its migrations.
//!
//! A function that changes a row takes a [`Writing`], so it cannot be called with a read-only transaction. No
//! request to the network is made while a [`Writing`] is open: it excludes every other writer, in all
//! processes.
//!
//! Futures of PostgreSQL are boxed, because they are large, and a caller would hold them with SQLite, too.

mod audit;
mod blobs;
mod changes;
mod leases;
mod outbox;
mod parts;
mod postgres;
mod registry;
mod sqlite;
mod times;
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

use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection};

pub(crate) use audit::AuditRow;
pub use audit::{AuditEntry, AuditQuery, Outcome};
pub(crate) use blobs::{BlobRow, BlobState};
pub(crate) use leases::LeaseTimes;
pub(crate) use outbox::OutboxRow;
pub(crate) use parts::PartRow;
pub(crate) use registry::RegistryRow;
pub(crate) use times::LatestTimes;
pub(crate) use trust::TrustRow;
pub use trust::TrustedCertificate;
pub use trust_imports::TrustImport;
pub(crate) use uploads::{OwnerTotals, UploadRow};
pub(crate) use values::now;
pub(crate) use variants::{CatalogueFilter, VariantRow};
pub(crate) use versions::VersionRow;

use self::postgres::{PostgresDatabase, ServerName};

/// Receives a message for each commit that changes the catalogue or trust.
pub(crate) type CommitListener = sqlx::postgres::PgListener;

pub(crate) use crate::keys::{VariantKey, VersionKey};
use crate::{DatabaseOptions, Error};

#[derive(Debug)]
pub(crate) struct Metadata {
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Sqlite(aar_sqlite::Database),
    Postgres(PostgresDatabase),
}

/// A read-only transaction: it sees the state of one moment.
pub(crate) struct Reading {
    transaction: Transaction,
}

/// A write transaction. Only one is open at a time, over all processes.
pub(crate) struct Writing {
    reading: Reading,
}

/// A transaction with the location of its database, which the errors of the engines do not have.
enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>, Arc<Path>),
    Postgres(sqlx::Transaction<'static, Postgres>, Arc<ServerName>),
}

/// A connection of the engine, as the statement macro requires it.
enum Connection<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Metadata {
    pub(crate) async fn open(options: &DatabaseOptions) -> Result<Self, Error> {
        let engine = match options {
            DatabaseOptions::Sqlite { path } => Engine::Sqlite(sqlite::open(path).await?),
            DatabaseOptions::Postgres(options) => {
                Engine::Postgres(Box::pin(PostgresDatabase::open(options)).await?)
            }
        };
        Ok(Self { engine })
    }

    pub(crate) async fn read(&self) -> Result<Reading, Error> {
        let transaction = match &self.engine {
            Engine::Sqlite(database) => Transaction::sqlite(database, database.read().await)?,
            Engine::Postgres(database) => {
                Transaction::postgres(database, Box::pin(database.read()).await)?
            }
        };
        Ok(Reading { transaction })
    }

    pub(crate) async fn write(&self) -> Result<Writing, Error> {
        match &self.engine {
            Engine::Sqlite(database) => Writing::sqlite(database, database.write().await),
            Engine::Postgres(database) => {
                Writing::postgres(database, Box::pin(database.write()).await)
            }
        }
    }

    /// For work that frees space or withdraws trust: it may use the reserve of a full volume. A PostgreSQL
    /// server is on another volume, and has its own reserve or none.
    pub(crate) async fn write_from_reserve(&self) -> Result<Writing, Error> {
        match &self.engine {
            Engine::Sqlite(database) => {
                Writing::sqlite(database, database.write_from_reserve().await)
            }
            Engine::Postgres(_) => self.write().await,
        }
    }

    /// Follows the commits of other processes, if the engine reports them.
    pub(crate) async fn listen(&self) -> Result<Option<CommitListener>, Error> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(None),
            Engine::Postgres(database) => database.listen().await.map(Some),
        }
    }

    pub(crate) async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(database) => database.close().await,
            Engine::Postgres(database) => Box::pin(database.close()).await,
        }
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

    fn postgres(
        database: &PostgresDatabase,
        begun: Result<sqlx::Transaction<'static, Postgres>, sqlx::Error>,
    ) -> Result<Self, Error> {
        let server = Arc::clone(database.server());
        match begun {
            Ok(transaction) => Ok(Self::Postgres(transaction, server)),
            Err(error) => Err(server.failure(error)),
        }
    }
}

impl Reading {
    fn connection(&mut self) -> Connection<'_> {
        match &mut self.transaction {
            Transaction::Sqlite(transaction, _) => Connection::Sqlite(transaction),
            Transaction::Postgres(transaction, _) => Connection::Postgres(transaction),
        }
    }

    fn failure(&self, error: sqlx::Error) -> Error {
        match &self.transaction {
            Transaction::Sqlite(_, path) => sqlite::failure(path, error),
            Transaction::Postgres(_, server) => server.failure(error),
        }
    }
}

impl Writing {
    fn sqlite(
        database: &aar_sqlite::Database,
        begun: Result<sqlx::Transaction<'static, Sqlite>, sqlx::Error>,
    ) -> Result<Self, Error> {
        let transaction = Transaction::sqlite(database, begun)?;
        let reading = Reading { transaction };
        Ok(Self { reading })
    }

    fn postgres(
        database: &PostgresDatabase,
        begun: Result<sqlx::Transaction<'static, Postgres>, sqlx::Error>,
    ) -> Result<Self, Error> {
        let transaction = Transaction::postgres(database, begun)?;
        let reading = Reading { transaction };
        Ok(Self { reading })
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        match self.reading.transaction {
            Transaction::Sqlite(transaction, path) => {
                let done = transaction.commit().await;
                done.map_err(|error| sqlite::failure(&path, error))
            }
            Transaction::Postgres(transaction, server) => {
                let done = Box::pin(transaction.commit()).await;
                done.map_err(|error| server.failure(error))
            }
        }
    }

    /// A drop also rolls back, but only at the next use of the connection.
    pub(crate) async fn rollback(self) -> Result<(), Error> {
        match self.reading.transaction {
            Transaction::Sqlite(transaction, path) => {
                let done = transaction.rollback().await;
                done.map_err(|error| sqlite::failure(&path, error))
            }
            Transaction::Postgres(transaction, server) => {
                let done = Box::pin(transaction.rollback()).await;
                done.map_err(|error| server.failure(error))
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
            $crate::metadata::Connection::Postgres(connection) => {
                let done = sqlx::query($sql)$(.bind($bind))*.execute(connection);
                Box::pin(done).await.map(|done| done.rows_affected())
            }
        }
        .map_err(|error| $tx.failure(error))
    };
    (optional $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query_as($sql)
                $(.bind($bind))*
                .fetch_optional(connection)
                .await,
            $crate::metadata::Connection::Postgres(connection) => {
                Box::pin(sqlx::query_as($sql)$(.bind($bind))*.fetch_optional(connection)).await
            }
        }
        .map_err(|error| $tx.failure(error))
    };
    (one $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query_as($sql)
                $(.bind($bind))*
                .fetch_one(connection)
                .await,
            $crate::metadata::Connection::Postgres(connection) => {
                Box::pin(sqlx::query_as($sql)$(.bind($bind))*.fetch_one(connection)).await
            }
        }
        .map_err(|error| $tx.failure(error))
    };
    (all $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query_as($sql)
                $(.bind($bind))*
                .fetch_all(connection)
                .await,
            $crate::metadata::Connection::Postgres(connection) => {
                Box::pin(sqlx::query_as($sql)$(.bind($bind))*.fetch_all(connection)).await
            }
        }
        .map_err(|error| $tx.failure(error))
    };
}
use sql;
