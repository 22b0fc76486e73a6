//! Leases: the right of one task of one process to write or delete an object in storage.
//!
//! A lease is a row in the database, so it holds across processes. Its holder renews it during the work. When
//! the process dies, the lease expires and can be taken over.

use std::{convert::Infallible, time::Duration};

use jiff::Timestamp;
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    Error, Registry,
    metadata::{LeaseTimes, Reading, Writing},
    storage::ObjectKey,
};

/// The time to live of a lease without renewal. It is longer than the time in which storage may still carry
/// out a request of a dead holder.
const TTL: Duration = Duration::from_secs(15);
const RENEWAL: Duration = Duration::from_secs(5);

/// The purposes of a lease on a blob. While a request has no response, only the same purpose may be attempted
/// again.
pub(crate) const PLACING: u64 = 0;
pub(crate) const DELETING: u64 = 1;

/// Holds leases for one task.
#[derive(Debug, Clone)]
pub(crate) struct LeaseHolder(String);

impl Default for LeaseHolder {
    fn default() -> Self {
        Self(Uuid::new_v4().to_string())
    }
}

impl LeaseHolder {
    pub(crate) fn id(&self) -> &str {
        &self.0
    }
}

/// The times of a lease that is taken or renewed now. They are not by the clock of the registry: processes
/// that share a database compare them.
pub(crate) async fn lease_times(tx: &mut Reading) -> Result<LeaseTimes, Error> {
    let now = tx.shared_clock().await?;
    let expires_at = now.saturating_add(TTL).unwrap_or(Timestamp::MAX);
    Ok(LeaseTimes { now, expires_at })
}

impl Registry {
    pub(crate) async fn acquire_lease(
        &self,
        tx: &mut Writing,
        key: &ObjectKey,
        holder: &LeaseHolder,
        attempt: u64,
    ) -> Result<bool, Error> {
        let times = lease_times(tx).await?;
        tx.acquire_lease(&key.to_string(), holder.id(), times, attempt)
            .await
    }

    /// Runs work under leases and renews them meanwhile. The work is cancelled if a lease is lost.
    pub(crate) async fn under_leases<T>(
        &self,
        holder: &LeaseHolder,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            done = work => done,
            lost = self.keep_leases(holder) => match lost? {},
        }
    }

    async fn keep_leases(&self, holder: &LeaseHolder) -> Result<Infallible, Error> {
        loop {
            sleep(RENEWAL).await;
            let mut tx = self.metadata().write_from_reserve().await?;
            let expires_at = lease_times(&mut tx).await?.expires_at;
            if tx.renew_leases(holder.id(), expires_at).await? == 0 {
                return Err(Error::LeaseLost);
            }
            tx.commit().await?;
        }
    }

    /// Runs work on one object under its lease. If the work fails, the lease ends, unless a request may still
    /// be carried out.
    pub(crate) async fn under_lease<T>(
        &self,
        holder: &LeaseHolder,
        (key, attempt): (&ObjectKey, u64),
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let done = self.under_leases(holder, work).await;
        if let Err(error) = &done {
            let (key, mut tx) = (key.to_string(), self.metadata().write_from_reserve().await?);
            if error.is_retryable() {
                tx.leave_lease(&key, holder.id(), attempt).await?;
            } else {
                tx.release_lease(&key, holder.id()).await?;
            }
            tx.commit().await?;
        }
        done
    }

    /// Ends a lease if `holder` still has it.
    pub(crate) async fn end_lease(
        &self,
        key: &ObjectKey,
        holder: &LeaseHolder,
    ) -> Result<(), Error> {
        let key = key.to_string();
        if !self
            .metadata()
            .read()
            .await?
            .has_lease(&key, holder.id())
            .await?
        {
            return Ok(());
        }
        let mut tx = self.metadata().write_from_reserve().await?;
        tx.release_lease(&key, holder.id()).await?;
        tx.commit().await
    }

    /// Returns whether the object existed.
    pub(crate) async fn delete_under_lease(
        &self,
        holder: &LeaseHolder,
        key: &ObjectKey,
    ) -> Result<bool, Error> {
        let storage = self.storage();
        let deletion = storage.delete_in_time(key);
        // Boxed: the transactions of the lease make the future large.
        Box::pin(self.under_lease(holder, (key, DELETING), deletion)).await
    }
}
