//! The engine SQLite.

use std::{path::Path, time::Duration};

use aar_sqlite::{Database, Failure};
use sqlx::migrate::Migrator;

use crate::Error;

static MIGRATIONS: Migrator = sqlx::migrate!("src/metadata/migrations/sqlite");

/// The time for which a write transaction waits for that of another process.
const BUSY_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) async fn open(path: &Path) -> Result<Database, Error> {
    let opened = Database::open(path, &MIGRATIONS, BUSY_TIMEOUT).await;
    opened.map_err(|error| opening_failure(path, error))
}

pub(super) fn failure(path: &Path, error: sqlx::Error) -> Error {
    opening_failure(path, error.into())
}

fn opening_failure(path: &Path, error: aar_sqlite::Error) -> Error {
    match error {
        aar_sqlite::Error::Io(error) => error.into(),
        aar_sqlite::Error::Sqlite { failure, source } => match failure {
            Failure::StorageFull => Error::StorageFull { source },
            Failure::Damaged => Error::DatabaseDamaged {
                path: path.to_owned(),
                source,
            },
            Failure::Busy | Failure::ReadOnly | Failure::Unavailable | Failure::Other => {
                Error::Database { failure, source }
            }
        },
        aar_sqlite::Error::NewerSchema { .. } | aar_sqlite::Error::Migration(_) => {
            Error::Schema(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn database_that_cannot_grow_is_reported_as_full_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.db");
        let database = open(&path).await.unwrap();
        let mut tx = database.write().await.unwrap();
        // SQLite reports a write beyond its limit as a full disk.
        let statements = [
            "PRAGMA max_page_count = 1",
            "CREATE TABLE more (x)",
            "INSERT INTO more VALUES (zeroblob(99999))",
        ];
        let mut refused = None;
        for statement in statements {
            let done = sqlx::query(statement).execute(&mut *tx).await;
            refused = refused.or(done.err());
        }
        let refused = failure(&path, refused.unwrap());
        let Error::StorageFull { source } = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(source.to_string(), "(code: 13) database or disk is full");
        assert!(source.source().is_none(), "{source:?}");
    }
}
