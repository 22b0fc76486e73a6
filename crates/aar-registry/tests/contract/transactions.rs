//! Invariant 4: no request to storage is made while the write transaction is open.

use std::{
    path::PathBuf,
    sync::{Mutex, OnceLock},
    thread,
    time::Duration,
};

use aar_registry::{Losses, Options, Registry, S3Options, StorageOptions};
use aar_testkit::{Fault, RecordedRequest, S3Network};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::backend::{Fixture, in_bucket, noise, on_buckets};

static DATABASE: OnceLock<PathBuf> = OnceLock::new();
/// The requests that arrived while a write transaction was open. Held while one is checked.
static DURING_TRANSACTION: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Selects no request. It checks each one: another write transaction must be possible.
fn check_transaction(request: &RecordedRequest) -> bool {
    let mut found = DURING_TRANSACTION.lock().unwrap();
    let is_free = thread::spawn(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(can_write())
    });
    if !is_free.join().unwrap() {
        found.push(format!("{} {}", request.method, request.path));
    }
    false
}

async fn can_write() -> bool {
    let database = DATABASE.get().unwrap();
    if !database.exists() {
        return true;
    }
    let options = SqliteConnectOptions::new()
        .filename(database)
        .busy_timeout(Duration::ZERO);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let begun = sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut connection)
        .await;
    connection.close().await.unwrap();
    begun.is_ok()
}

/// A storage in the bucket of the fixture, behind the network.
fn storage(fixture: &Fixture, network: &S3Network, prefix: Option<&str>) -> StorageOptions {
    let mut s3 = S3Options {
        endpoint: Some(network.url()),
        ..in_bucket(fixture.bucket())
    };
    if let Some(prefix) = prefix {
        prefix.clone_into(&mut s3.prefix);
    }
    StorageOptions::S3(Box::new(s3))
}

#[tokio::test]
async fn one_transaction_migration_and_rebuild_make_no_request_while_it_is_open() {
    on_buckets(async |fixture| {
        DATABASE.set(fixture.database()).unwrap();
        fixture.publish("app", 0, &noise(100_000)).await;
        fixture.publish("app", 1, b"image").await;
        let network = S3Network::start(fixture.bucket().server().address());
        network.each(check_transaction, Fault::Reset);
        let target = storage(&fixture, &network, Some("another"));
        let options = Options {
            storage: storage(&fixture, &network, None),
            ..fixture.options.clone()
        };
        let registry = Registry::open(options.clone()).await.unwrap();
        registry.operator("test").migrate(&target).await.unwrap();
        registry.close().await;
        fixture.registry.close().await;
        let migration = network.requests().len();
        assert!(migration > 10, "{migration}");

        std::fs::remove_file(fixture.database()).unwrap();
        let options = Options {
            storage: target,
            ..options
        };
        let report = Registry::rebuild(options, "test", Losses::Refuse).await;
        assert_eq!(report.unwrap().versions, 2);
        assert!(network.requests().len() > migration + 5);
        let found = DURING_TRANSACTION.lock().unwrap();
        assert!(found.is_empty(), "{found:?}");
    })
    .await;
}
