//! Opens database files and makes them fail.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something does not work"
)]

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use aar_sqlite::{Database, Error, Failure};
use sqlx::{AssertSqlSafe, Sqlite, Transaction, migrate::Migrator};
use tempfile::TempDir;

static MIGRATIONS: Migrator = sqlx::migrate!("tests/migrations");
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inner/test.sqlite");
    (folder, path)
}

async fn open(path: &Path) -> Database {
    Database::open(path, &MIGRATIONS, BUSY_TIMEOUT)
        .await
        .unwrap()
}

async fn failure_at_open(path: &Path) -> Failure {
    match Database::open(path, &MIGRATIONS, BUSY_TIMEOUT).await {
        Err(Error::Sqlite { failure, .. }) => failure,
        other => panic!("{other:?}"),
    }
}

async fn execute(
    tx: &mut Transaction<'static, Sqlite>,
    sql: impl Into<String>,
) -> Result<(), sqlx::Error> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut **tx);
    done.await.map(drop)
}

async fn count(database: &Database) -> i64 {
    let mut tx = database.read().await.unwrap();
    let counted = sqlx::query_scalar("SELECT count(*) FROM items");
    counted.fetch_one(&mut *tx).await.unwrap()
}

async fn insert(database: &Database, value: &str) -> Result<(), sqlx::Error> {
    let mut tx = database.write().await?;
    execute(&mut tx, format!("INSERT INTO items VALUES ('{value}')")).await?;
    tx.commit().await
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn new_database_is_private_with_the_files_beside_it() {
    let (_folder, path) = file();
    let database = open(&path).await;
    insert(&database, "x").await.unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{suffix}", path.display()));
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    database.close().await;
    assert!(database.is_closed());
}

#[tokio::test]
async fn commits_survive_a_reopening_and_rollbacks_do_not() {
    let (_folder, path) = file();
    let database = open(&path).await;
    insert(&database, "kept").await.unwrap();
    let mut tx = database.write().await.unwrap();
    execute(&mut tx, "INSERT INTO items VALUES ('gone')")
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    database.close().await;
    assert_eq!(count(&open(&path).await).await, 1);
}

#[tokio::test]
async fn readers_cannot_write() {
    let (_folder, path) = file();
    let database = open(&path).await;
    let mut tx = database.read().await.unwrap();
    let refused = execute(&mut tx, "DELETE FROM items").await.unwrap_err();
    assert_eq!(Failure::of(&refused), Failure::ReadOnly, "{refused:?}");
}

#[tokio::test]
async fn transaction_rolled_back_by_sqlite_does_not_spoil_the_next_one() {
    let (_folder, path) = file();
    let database = open(&path).await;
    let mut tx = database.write().await.unwrap();
    execute(&mut tx, "ROLLBACK").await.unwrap();
    tx.commit().await.unwrap_err();
    insert(&database, "x").await.unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn database_that_cannot_grow_is_full_and_works_again_when_it_can() {
    let (_folder, path) = file();
    let database = open(&path).await;
    let limit = async |pages: u32| {
        let mut tx = database.write().await.unwrap();
        let pragma = format!("PRAGMA max_page_count = {pages}");
        execute(&mut tx, pragma).await.unwrap();
        tx.commit().await.unwrap();
    };
    // SQLite reports a write beyond this limit like one to a full disk.
    limit(1).await;
    let value = "x".repeat(100_000);
    let refused = insert(&database, &value).await.unwrap_err();
    assert_eq!(Failure::of(&refused), Failure::StorageFull, "{refused:?}");
    let error = Error::from(refused);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "(code: 13) database or disk is full");
    assert!(source.source().is_none(), "{source:?}");
    limit(100_000).await;
    insert(&database, &value).await.unwrap();
}

#[tokio::test]
async fn second_writer_waits_and_then_finds_the_database_busy() {
    let (_folder, path) = file();
    let (one, other) = (open(&path).await, open(&path).await);
    let tx = one.write().await.unwrap();
    let refused = other.write().await.unwrap_err();
    assert_eq!(Failure::of(&refused), Failure::Busy, "{refused:?}");
    tx.commit().await.unwrap();
    insert(&other, "x").await.unwrap();
}

#[tokio::test]
async fn many_openings_of_a_new_database_at_once_succeed() {
    let (_folder, path) = file();
    let openings: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                Database::open(&path, &MIGRATIONS, Duration::from_secs(10)).await
            })
        })
        .collect();
    for opening in openings {
        opening.await.unwrap().unwrap();
    }
    assert_eq!(count(&open(&path).await).await, 0);
}

#[tokio::test]
async fn file_that_is_not_a_database_is_damaged() {
    let (_folder, path) = file();
    fs_err::create_dir(path.parent().unwrap()).unwrap();
    fs_err::write(
        &path,
        "not a database, but long enough for a header. ".repeat(30),
    )
    .unwrap();
    assert_eq!(failure_at_open(&path).await, Failure::Damaged);
}

#[tokio::test]
async fn closed_database_is_unavailable() {
    let (_folder, path) = file();
    let database = open(&path).await;
    database.close().await;
    let refused = database.read().await.unwrap_err();
    assert_eq!(Failure::of(&refused), Failure::Unavailable);
}

#[tokio::test]
async fn newer_schema_is_refused_with_its_number() {
    let (_folder, path) = file();
    let database = open(&path).await;
    let mut tx = database.write().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations VALUES (7, 'newer', 0, TRUE, x'00', 0)";
    execute(&mut tx, newer).await.unwrap();
    tx.commit().await.unwrap();
    database.close().await;
    let refused = Database::open(&path, &MIGRATIONS, BUSY_TIMEOUT)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::NewerSchema { found: 7 }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn existing_file_keeps_its_mode() {
    let (_folder, path) = file();
    open(&path).await.close().await;
    fs_err::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    open(&path).await;
    assert_eq!(mode(&path), 0o640);
}
