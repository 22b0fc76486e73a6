//! Delivers entries of the outbox to storage.
//!
//! A task takes the lease of a key before it writes the object, so that older content never replaces newer
//! content. An entry that was replaced meanwhile stays, and the lease passes to the next task. A descriptor
//! in storage that is newer than a restored database is not overwritten: see
//! [`descriptor::check_replacement`].

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::{
    Error, Registry,
    actor::Actor,
    descriptor,
    lease::{LeaseHolder, lease_times},
    metadata::{LeaseTimes, OutboxRow, Writing},
    storage::{ObjectKey, Storage},
};

/// The number of objects that a task writes concurrently.
const AT_ONCE: usize = 16;
/// The time for which a change waits for another task that delivers the same key.
const WAIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// The undelivered entries of some keys.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    holder: LeaseHolder,
    /// The entries whose leases `holder` has.
    entries: Vec<OutboxRow>,
    /// The keys that another task is delivering.
    held: Vec<String>,
}

impl Delivery {
    pub(super) async fn claim(
        tx: &mut Writing,
        keys: impl IntoIterator<Item = String>,
        times: LeaseTimes,
    ) -> Result<Self, Error> {
        let mut delivery = Self::default();
        let holder = delivery.holder.id();
        for key in keys {
            let Some(entry) = tx.outbox_entry(&key).await? else {
                continue;
            };
            if tx
                .acquire_lease(&key, holder, times, entry.revision)
                .await?
            {
                delivery.entries.push(entry);
            } else {
                delivery.held.push(key);
            }
        }
        Ok(delivery)
    }
}

/// The outcome of a delivery.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) keys: Vec<String>,
    /// The first failure. Other entries are delivered nevertheless, unless storage cannot be reached.
    pub(crate) failure: Option<Error>,
    /// The first descriptor that stays in storage, because it is newer than the database.
    conflict: Option<Error>,
}

impl Registry {
    /// Takes the leases of the keys that have an undelivered entry.
    pub(crate) async fn claim(
        &self,
        keys: impl IntoIterator<Item = String>,
    ) -> Result<Delivery, Error> {
        let mut undelivered = Vec::new();
        let mut tx = self.metadata().read().await?;
        for key in keys {
            if tx.outbox_entry(&key).await?.is_some() {
                undelivered.push(key);
            }
        }
        drop(tx);
        if undelivered.is_empty() {
            return Ok(Delivery::default());
        }
        let mut tx = self.write_from_reserve().await?;
        let times = lease_times(&mut tx).await?;
        let delivery = Delivery::claim(&mut tx, undelivered, times).await?;
        tx.commit().await?;
        Ok(delivery)
    }

    /// Delivers the descriptors of a committed change, before it is acknowledged.
    pub(super) async fn acknowledge(&self, actor: &Actor, delivery: Delivery) -> Result<(), Error> {
        match self.deliver_all(actor, delivery).await {
            Err(failure) if !is_conflict(&failure) => {
                self.inner.undelivered.notify_one();
                let source = Box::new(failure);
                Err(Error::Undelivered { source })
            }
            outcome => outcome,
        }
    }

    /// Delivers the undelivered entry of a key.
    pub(crate) async fn deliver_key(&self, actor: &Actor, key: &ObjectKey) -> Result<(), Error> {
        let delivery = self.claim([key.to_string()]).await?;
        self.deliver_all(actor, delivery).await
    }

    /// Delivers these entries, and waits for those that another task is delivering.
    pub(crate) async fn deliver_all(
        &self,
        actor: &Actor,
        mut delivery: Delivery,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + WAIT;
        loop {
            let delivered = self.deliver(actor, &delivery).await?;
            if let Some(error) = delivered.failure.or(delivered.conflict) {
                return Err(error);
            }
            match delivery.held.first() {
                None => return Ok(()),
                Some(key) if Instant::now() >= deadline => {
                    return Err(Error::ObjectLocked { key: key.clone() });
                }
                Some(_) => sleep(POLL).await,
            }
            delivery = self.claim(delivery.held).await?;
        }
    }

    pub(crate) async fn deliver(
        &self,
        actor: &Actor,
        delivery: &Delivery,
    ) -> Result<Delivered, Error> {
        if delivery.entries.is_empty() {
            return Ok(Delivered::default());
        }
        let writes = write_all(self.storage(), delivery.entries.clone());
        let written = self
            .under_leases(&delivery.holder, async { Ok(writes.await) })
            .await?;
        let mut tx = self.write_from_reserve().await?;
        for (n, entry) in delivery.entries.iter().enumerate() {
            finish(&mut tx, delivery.holder.id(), entry, written.get(n)).await?;
        }
        tx.commit().await?;
        let mut delivered = Delivered::default();
        for (entry, written) in delivery.entries.iter().zip(written) {
            match written {
                Ok(()) => delivered.keys.push(entry.key.clone()),
                Err(conflict) if is_conflict(&conflict) => {
                    self.accept(actor, &conflict).await?;
                    delivered.conflict.get_or_insert(conflict);
                }
                Err(error) => {
                    delivered.failure.get_or_insert(error);
                }
            }
        }
        Ok(delivered)
    }

    /// Accepts the content of storage in place of an entry.
    async fn accept(&self, actor: &Actor, conflict: &Error) -> Result<(), Error> {
        if let Error::CertificateRevoked { fingerprint } = conflict {
            self.adopt_revocation(actor, *fingerprint).await?;
        } else {
            let error: &dyn std::error::Error = conflict;
            tracing::error!(error, "storage has another content; verify the storage");
        }
        Ok(())
    }
}

/// Whether [`descriptor::check_replacement`] has refused.
fn is_conflict(error: &Error) -> bool {
    matches!(
        error,
        Error::CertificateRevoked { .. } | Error::VersionConflict { .. }
    )
}

/// Writes objects in order, several concurrently, until storage cannot be reached. Later entries have no
/// outcome.
async fn write_all(storage: Arc<Storage>, entries: Vec<OutboxRow>) -> Vec<Result<(), Error>> {
    let writes = stream::iter(entries).map(|entry| write(Arc::clone(&storage), entry));
    let mut writes = writes.buffered(AT_ONCE);
    let mut outcomes = Vec::new();
    while let Some(outcome) = writes.next().await {
        let is_unreachable = outcome.as_ref().is_err_and(Error::is_retryable);
        outcomes.push(outcome);
        if is_unreachable {
            break;
        }
    }
    outcomes
}

async fn write(storage: Arc<Storage>, entry: OutboxRow) -> Result<(), Error> {
    let Some(key) = ObjectKey::parse(&entry.key) else {
        tracing::error!(
            key = entry.key,
            "the outbox has an entry without a valid key"
        );
        return Ok(());
    };
    let before = storage.in_time(storage.get(&key)).await?;
    descriptor::check_replacement(&key, before.as_deref(), entry.content.as_deref())?;
    match entry.content {
        Some(content) => storage.in_time(storage.put(&key, content.into())).await,
        None => storage.remove_in_time(&key).await,
    }
}

/// Removes an entry that is delivered, or older than storage, and ends its lease.
async fn finish(
    tx: &mut Writing,
    holder: &str,
    entry: &OutboxRow,
    outcome: Option<&Result<(), Error>>,
) -> Result<(), Error> {
    let may_be_carried_out = outcome.is_none_or(|it| it.as_ref().is_err_and(Error::is_retryable));
    if may_be_carried_out {
        return tx.leave_lease(&entry.key, holder, entry.revision).await;
    }
    if outcome.is_some_and(|it| it.as_ref().err().is_none_or(is_conflict)) {
        tx.delete_outbox_entry(entry).await?;
    }
    tx.release_lease(&entry.key, holder).await
}
