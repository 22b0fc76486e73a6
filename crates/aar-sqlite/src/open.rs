use std::{
    future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use aar_fs::Reserve;
use sqlx::{
    Connection as _, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::sleep;

use crate::{Database, Error, Failure};

/// Enough to use all cores while some readers wait for the disk.
const READERS: u32 = 8;
/// The pause before another attempt if SQLite itself does not wait.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

impl Database {
    /// Opens a database file and brings it to the schema of `migrations`. A missing file is created
    /// for its owner only; SQLite gives the files beside it the same mode. A statement waits for up to
    /// `busy_timeout` while another process writes.
    pub async fn open(
        path: &Path,
        migrations: &Migrator,
        busy_timeout: Duration,
    ) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            aar_fs::create_private_folder(folder)?;
        }
        aar_fs::create_private_file(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(busy_timeout);
        let reserve = reserve(path);
        // Even reading needs space, for the index of the write-ahead log.
        reserve.release()?;
        let begun = Instant::now();
        loop {
            // SQLite does not wait when two processes put a new database into WAL mode at once.
            match connect(path, &options, migrations, &reserve).await {
                Err(Error::Sqlite {
                    failure: Failure::Busy,
                    ..
                }) if begun.elapsed() < busy_timeout => sleep(RETRY_PAUSE).await,
                opened => {
                    if let Err(error) = reserve.require() {
                        tracing::warn!(%error, "there is no space for the reserve of the database");
                    }
                    return opened;
                }
            }
        }
    }
}

fn reserve(path: &Path) -> Reserve {
    let mut file = path.as_os_str().to_owned();
    file.push(".reserve");
    Reserve::new(file.into())
}

async fn connect(
    path: &Path,
    options: &SqliteConnectOptions,
    migrations: &Migrator,
    reserve: &Reserve,
) -> Result<Database, Error> {
    let writer = pool(1).connect_with(options.clone()).await?;
    migrate(&writer, migrations).await?;
    let read_only = options.clone().pragma("query_only", "ON");
    let readers = pool(READERS).connect_with(read_only).await?;
    let path = Arc::from(path);
    Ok(Database {
        writer,
        readers,
        path,
        reserve: reserve.clone(),
    })
}

/// When a disk is full, SQLite rolls a transaction back, but sqlx still counts it as open and can never begin
/// another one on that connection. Such a connection is replaced.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            let is_usable = !connection.is_in_transaction();
            Box::pin(future::ready(Ok(is_usable)))
        })
        .idle_timeout(None)
        .max_lifetime(None)
}

/// sqlx does not lock SQLite while it migrates, so one transaction spans all migrations: of two
/// processes that start at once, the later one waits and finds them done.
async fn migrate(writer: &SqlitePool, migrations: &Migrator) -> Result<(), Error> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    migrations
        .run_direct(None, &mut *transaction, false)
        .await?;
    transaction.commit().await?;
    Ok(())
}
