//! The engine PostgreSQL. Any number of processes share a database.

mod problem;

use std::{sync::Arc, time::Duration};

use sqlx::{
    Connection as _, PgConnection, PgPool, Postgres,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::time::timeout;

use super::{Reading, Transaction};
use crate::{Error, PostgresOptions};

static MIGRATIONS: Migrator = Migrator {
    // A newer replica has migrated already; each schema also serves the release before it.
    ignore_missing: true,
    ..sqlx::migrate!("src/metadata/migrations/postgres")
};

/// The channel on which PostgreSQL reports commits that change the catalogue or trust.
const CHANNEL: &str = "aar_changes";

/// The number of the advisory lock that every write transaction holds. The number is arbitrary.
const WRITE_LOCK: i64 = 0x6161_7220_7772;

/// The time limit of a statement, and of waiting for another writer.
const STATEMENT_TIMEOUT: &str = "60s";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct PostgresDatabase {
    pool: PgPool,
    server: Arc<ServerName>,
}

/// The parts of the address that messages name. The password is not one of them.
#[derive(Debug)]
pub(super) struct ServerName {
    address: String,
    user: String,
    database: String,
}

impl ServerName {
    fn of(options: &PgConnectOptions) -> Self {
        let address = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let user = options.get_username().to_owned();
        Self {
            address,
            database: options.get_database().unwrap_or(&user).to_owned(),
            user,
        }
    }
}

impl Reading {
    /// Refuses a server that only follows another one.
    pub(crate) async fn require_primary(&mut self) -> Result<(), Error> {
        let Transaction::Postgres(transaction, server) = &mut self.transaction else {
            return Ok(());
        };
        let standby = sqlx::query_scalar("SELECT pg_is_in_recovery()");
        match standby.fetch_one(&mut **transaction).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(server.read_only().into()),
            Err(error) => Err(server.failure(error)),
        }
    }
}

impl PostgresDatabase {
    /// Connects and brings the schema up to date.
    pub(super) async fn open(options: &PostgresOptions) -> Result<Self, Error> {
        let connect = options.connect.clone().application_name("aar").options([
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("lock_timeout", STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", STATEMENT_TIMEOUT),
        ]);
        let server = Arc::new(ServerName::of(&connect));
        // A pool does not say why it has no connection.
        let first = timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&connect)).await;
        let first = first.map_err(|_| server.no_answer(CONNECT_TIMEOUT))?;
        let first = first.map_err(|error| server.failure(error))?;
        first.close().await.map_err(|error| server.failure(error))?;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(connect);
        match MIGRATIONS.run(&pool).await {
            Ok(()) => Ok(Self { pool, server }),
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                Err(server.failure(error))
            }
            Err(error) => Err(Error::Schema(aar_sqlite::Error::Migration(error))),
        }
    }

    pub(super) fn server(&self) -> &Arc<ServerName> {
        &self.server
    }

    /// Begins a read-only transaction: it sees the state of one moment.
    pub(super) async fn read(&self) -> Result<sqlx::Transaction<'static, Postgres>, sqlx::Error> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.pool.begin_with(begin).await
    }

    /// Begins a write transaction. Only one is open at a time, over all processes. Its first statement
    /// sees every earlier commit.
    pub(super) async fn write(&self) -> Result<sqlx::Transaction<'static, Postgres>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(WRITE_LOCK)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Follows the commits of all processes, on a connection beside those of the pool: a small pool would
    /// have none left.
    pub(super) async fn listen(&self) -> Result<PgListener, Error> {
        let failure = |error| self.server.failure(error);
        let own = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with((*self.pool.connect_options()).clone());
        let mut listener = PgListener::connect_with(&own).await.map_err(failure)?;
        listener.listen(CHANNEL).await.map_err(failure)?;
        Ok(listener)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}
