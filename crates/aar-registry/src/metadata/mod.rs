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
mod site_reports;
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
use tokio::time::Instant;

pub(crate) use audit::AuditRow;
pub use audit::{AuditEntry, AuditQuery, Outcome};
pub(crate) use blobs::{BlobRow, BlobState};
pub(crate) use leases::LeaseTimes;
pub(crate) use outbox::OutboxRow;
pub(crate) use parts::PartRow;
pub(crate) use registry::RegistryRow;
pub(crate) use site_reports::SiteReportRow;
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
use crate::{DatabaseOptions, Error, metrics::RequestMetrics};

#[derive(Debug)]
pub(crate) struct Metadata {
    engine: Engine,
    metrics: RequestMetrics,
}

#[derive(Debug)]
enum Engine {
    Sqlite(aar_sqlite::Database),
    Postgres(PostgresDatabase),
}

/// A read-only transaction: it sees the state of one moment.
pub(crate) struct Reading {
    transaction: Transaction,
    metrics: RequestMetrics,
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
        let metrics = RequestMetrics::default();
        Ok(Self { engine, metrics })
    }

    pub(crate) async fn read(&self) -> Result<Reading, Error> {
        let begun = Instant::now();
        let transaction = match &self.engine {
            Engine::Sqlite(database) => Transaction::sqlite(database, database.read().await),
            Engine::Postgres(database) => {
                Transaction::postgres(database, Box::pin(database.read()).await)
            }
        };
        self.opened("begin-read", begun, transaction)
    }

    pub(crate) async fn write(&self) -> Result<Writing, Error> {
        let begun = Instant::now();
        let transaction = match &self.engine {
            Engine::Sqlite(database) => Transaction::sqlite(database, database.write().await),
            Engine::Postgres(database) => {
                Transaction::postgres(database, Box::pin(database.write()).await)
            }
        };
        let reading = self.opened("begin-write", begun, transaction)?;
        Ok(Writing { reading })
    }

    /// For work that frees space or withdraws trust: it may use the reserve of a full volume. A PostgreSQL
    /// server is on another volume, and has its own reserve or none.
    pub(crate) async fn write_from_reserve(&self) -> Result<Writing, Error> {
        let Engine::Sqlite(database) = &self.engine else {
            return self.write().await;
        };
        let begun = Instant::now();
        let transaction = Transaction::sqlite(database, database.write_from_reserve().await);
        let reading = self.opened("begin-write", begun, transaction)?;
        Ok(Writing { reading })
    }

    fn opened(
        &self,
        kind: &'static str,
        begun: Instant,
        transaction: Result<Transaction, Error>,
    ) -> Result<Reading, Error> {
        self.metrics.observe(kind, begun, &transaction);
        Ok(Reading {
            transaction: transaction?,
            metrics: self.metrics.clone(),
        })
    }

    pub(crate) fn metrics(&self) -> &RequestMetrics {
        &self.metrics
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

    /// Counts a statement, and names the database in its error.
    fn ended<T>(
        &self,
        kind: &'static str,
        begun: Instant,
        ended: Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        self.metrics.observe(kind, begun, &ended);
        ended.map_err(|error| self.failure(error))
    }

    fn failure(&self, error: sqlx::Error) -> Error {
        match &self.transaction {
            Transaction::Sqlite(_, path) => sqlite::failure(path, error),
            Transaction::Postgres(_, server) => server.failure(error),
        }
    }
}

impl Writing {
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let begun = Instant::now();
        let Reading {
            transaction,
            metrics,
        } = self.reading;
        let committed = match transaction {
            Transaction::Sqlite(transaction, path) => {
                let done = transaction.commit().await;
                done.map_err(|error| sqlite::failure(&path, error))
            }
            Transaction::Postgres(transaction, server) => {
                let done = Box::pin(transaction.commit()).await;
                done.map_err(|error| server.failure(error))
            }
        };
        metrics.observe("commit", begun, &committed);
        committed
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
    (execute $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let begun = tokio::time::Instant::now();
        let ended = match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query($sql)
                $(.bind($bind))*
                .execute(connection)
                .await
                .map(|done| done.rows_affected()),
            $crate::metadata::Connection::Postgres(connection) => {
                let done = sqlx::query($sql)$(.bind($bind))*.execute(connection);
                Box::pin(done).await.map(|done| done.rows_affected())
            }
        };
        $tx.ended("execute", begun, ended)
    }};
    (optional $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let begun = tokio::time::Instant::now();
        let ended = match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query_as($sql)
                $(.bind($bind))*
                .fetch_optional(connection)
                .await,
            $crate::metadata::Connection::Postgres(connection) => {
                Box::pin(sqlx::query_as($sql)$(.bind($bind))*.fetch_optional(connection)).await
            }
        };
        $tx.ended("query", begun, ended)
    }};
    (one $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let begun = tokio::time::Instant::now();
        let ended = match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query_as($sql)
                $(.bind($bind))*
                .fetch_one(connection)
                .await,
            $crate::metadata::Connection::Postgres(connection) => {
                Box::pin(sqlx::query_as($sql)$(.bind($bind))*.fetch_one(connection)).await
            }
        };
        $tx.ended("query", begun, ended)
    }};
    (all $tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let begun = tokio::time::Instant::now();
        let ended = match $tx.connection() {
            $crate::metadata::Connection::Sqlite(connection) => sqlx::query_as($sql)
                $(.bind($bind))*
                .fetch_all(connection)
                .await,
            $crate::metadata::Connection::Postgres(connection) => {
                Box::pin(sqlx::query_as($sql)$(.bind($bind))*.fetch_all(connection)).await
            }
        };
        $tx.ended("query", begun, ended)
    }};
}
use sql;
