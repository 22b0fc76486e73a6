use aar_types::Clock;
use jiff::Timestamp;

use super::{
    Connection, Reading, Writing, sql,
    values::{micros, moment, number},
};
use crate::Error;

/// The expiry times of leases, seen from one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseTimes {
    pub(crate) now: Timestamp,
    /// The expiry of a lease that is taken now. A lease with a later expiry was taken before the clock was
    /// set back, and counts as expired.
    pub(crate) expires_at: Timestamp,
}

impl Reading {
    /// The time by a clock that every process of this database shares: that of the machine with SQLite,
    /// that of the server with PostgreSQL.
    pub(crate) async fn shared_clock(&mut self) -> Result<Timestamp, Error> {
        let now: Result<i64, sqlx::Error> = match self.connection() {
            Connection::Sqlite(_) => return Ok(Clock::system().now()),
            Connection::Postgres(connection) => {
                let micros =
                    "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
                sqlx::query_scalar(micros).fetch_one(connection).await
            }
        };
        let now = now.map_err(|error| self.failure(error))?;
        moment("the clock of the database", now)
    }

    pub(crate) async fn is_leased(&mut self, key: &str, times: LeaseTimes) -> Result<bool, Error> {
        let found: Option<(i64,)> = sql!(optional
            self,
            "SELECT expires_at FROM leases WHERE key = $1 AND expires_at > $2 AND expires_at <= $3",
            key,
            micros(times.now),
            micros(times.expires_at)
        )?;
        Ok(found.is_some())
    }

    pub(crate) async fn has_lease(&mut self, key: &str, holder: &str) -> Result<bool, Error> {
        let found: Option<(i64,)> = sql!(optional
            self,
            "SELECT expires_at FROM leases WHERE key = $1 AND holder = $2",
            key,
            holder
        )?;
        Ok(found.is_some())
    }
}

impl Writing {
    /// Returns whether `holder` has the lease now. The lease of another holder is taken over if it has
    /// expired, or if it was left for another attempt with the same purpose.
    pub(crate) async fn acquire_lease(
        &mut self,
        key: &str,
        holder: &str,
        times: LeaseTimes,
        attempt: u64,
    ) -> Result<bool, Error> {
        let touched = sql!(execute
            self,
            "INSERT INTO leases (key, holder, expires_at) VALUES ($1, $2, $3) \
             ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, \
             expires_at = excluded.expires_at, unanswered = NULL \
             WHERE leases.expires_at <= $4 OR leases.expires_at > $3 OR leases.unanswered = $5",
            key,
            holder,
            micros(times.expires_at),
            micros(times.now),
            number(attempt)
        )?;
        Ok(touched == 1)
    }

    /// Returns the number of leases that `holder` still has.
    pub(crate) async fn renew_leases(
        &mut self,
        holder: &str,
        expires_at: Timestamp,
    ) -> Result<u64, Error> {
        sql!(execute
            self,
            "UPDATE leases SET expires_at = $2 WHERE holder = $1",
            holder,
            micros(expires_at)
        )
    }

    pub(crate) async fn release_lease(&mut self, key: &str, holder: &str) -> Result<(), Error> {
        sql!(execute
            self,
            "DELETE FROM leases WHERE key = $1 AND holder = $2",
            key,
            holder
        )?;
        Ok(())
    }

    /// Leaves a lease to expire, because a request under it may still be carried out. An attempt with the
    /// same purpose may follow at once.
    pub(crate) async fn leave_lease(
        &mut self,
        key: &str,
        holder: &str,
        attempt: u64,
    ) -> Result<(), Error> {
        sql!(execute
            self,
            "UPDATE leases SET unanswered = $3 WHERE key = $1 AND holder = $2",
            key,
            holder,
            number(attempt)
        )?;
        Ok(())
    }
}
