//! A SQLite database file: opens it and classifies its failures.
//!
//! The database is in WAL mode, so readers and the writer do not wait for each other, and every commit is on
//! disk before it is reported. Several processes may have the file open: a write transaction takes the write
//! lock when it begins, so it cannot fail half-way because another process wrote first.
//!
//! A file beside the database, `<database>.reserve`, holds space for the work that frees space on a full volume.

mod error;
mod open;

pub use error::{Error, Failure};

use std::{path::Path, sync::Arc};

use aar_fs::Reserve;
use sqlx::{Sqlite, SqlitePool, Transaction};

/// An open database: one connection that writes, several that read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
    path: Arc<Path>,
    reserve: Reserve,
}

impl Database {
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Connections for single statements that only read.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins a read-only transaction: it sees the state of one moment.
    pub async fn read(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.readers.begin().await
    }

    /// Begins a write transaction. Only one is open at a time, over all processes. Refused while the volume
    /// has no space for the [reserve](Reserve).
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.reserve.require()?;
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// The same for work that frees space or withdraws trust. It may use the reserve.
    pub async fn write_from_reserve(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.reserve.release()?;
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// Closes all connections, which folds the write-ahead log into the database file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.writer.is_closed()
    }
}
