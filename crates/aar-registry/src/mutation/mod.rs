//! Mutations: every change of the registry.
//!
//! One transaction holds the new state, the revision, the change feed, the audit entry and, in the outbox,
//! the descriptors to deliver. No network request is made while it is open. After the commit the task
//! delivers its descriptors, and then the change is acknowledged. An undelivered descriptor stays in the
//! outbox, and is delivered later. A change that records nothing has changed nothing, and is rolled back.

mod certificates;
mod delivery;

use std::{collections::BTreeSet, future::ready};

use aar_types::{Change, ChangeKind, Revision, VersionNumber};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Error, Outcome, Registry, actor::Actor, descriptor, keys::VariantKey, lease::lease_times,
    metadata::Writing, storage::ObjectKey, tasks::run_to_completion,
};

use delivery::Delivery;

pub(crate) struct Mutation {
    pub(crate) tx: Writing,
    pub(crate) at: Timestamp,
    pub(crate) registry: Registry,
    actor: Actor,
    /// The last revision that this change has made.
    revision: Revision,
    revision_before: Revision,
    is_recorded: bool,
    changes_trust: bool,
    /// The objects that must be delivered before the change is acknowledged.
    keys: BTreeSet<String>,
}

/// The space that a change may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    Volume,
    /// Also the reserve of a full volume: the change frees space or withdraws something.
    Reserve,
}

impl Registry {
    /// Makes a change, and runs to completion even if the caller stops waiting.
    ///
    /// [`Error::Undelivered`]: the change is committed, but storage does not have all of its descriptors.
    pub(crate) async fn mutate<T, F>(&self, actor: &Actor, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Mutation) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        self.mutate_after(actor, Space::Volume, ready(Ok(())), change)
            .await
    }

    /// The same for a change that frees space or withdraws something.
    pub(crate) async fn mutate_from_reserve<T, F>(
        &self,
        actor: &Actor,
        change: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Mutation) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        self.mutate_after(actor, Space::Reserve, ready(Ok(())), change)
            .await
    }

    /// The same after a check of the storage, which cannot be made within the transaction.
    pub(crate) async fn mutate_after<T, C, F>(
        &self,
        actor: &Actor,
        space: Space,
        check: C,
        change: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        C: Future<Output = Result<(), Error>> + Send + 'static,
        F: for<'a> FnOnce(&'a mut Mutation) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        let (registry, actor) = (self.clone(), actor.clone());
        run_to_completion(async move {
            check.await?;
            let mut mutation = Mutation::begin(&registry, &actor, space).await?;
            let value = change(&mut mutation).await?;
            let delivery = mutation.commit().await?;
            registry.acknowledge(&actor, delivery).await?;
            Ok(value)
        })
        .await
    }
}

impl Mutation {
    async fn begin(registry: &Registry, actor: &Actor, space: Space) -> Result<Self, Error> {
        let mut tx = match space {
            Space::Volume => registry.write().await?,
            Space::Reserve => registry.write_from_reserve().await?,
        };
        let revision = tx.revision().await?;
        Ok(Self {
            tx,
            at: registry.now(),
            registry: registry.clone(),
            actor: actor.clone(),
            revision,
            revision_before: revision,
            is_recorded: false,
            changes_trust: false,
            keys: BTreeSet::new(),
        })
    }

    /// Adds a change to the feed and returns its revision.
    pub(crate) async fn change(
        &mut self,
        kind: ChangeKind,
        variant: &VariantKey,
        version: Option<VersionNumber>,
    ) -> Result<Revision, Error> {
        self.revision.0 += 1;
        let change = Change {
            revision: self.revision,
            at: self.at,
            kind,
            application: variant.name.clone(),
            architecture: variant.architecture,
            version,
        };
        self.tx.insert_change(&change).await?;
        Ok(self.revision)
    }

    /// Adds an entry to the audit log. A change without an entry is not committed.
    pub(crate) async fn record(
        &mut self,
        action: &str,
        target: String,
        detail: String,
    ) -> Result<(), Error> {
        let outcome = Outcome::Done;
        let entry = self.actor.entry(self.at, action, target, outcome, detail);
        self.tx.insert_audit(&entry).await?;
        self.is_recorded = true;
        Ok(())
    }

    /// Writes or replaces a descriptor.
    pub(crate) async fn describe<T: Serialize>(
        &mut self,
        key: ObjectKey,
        descriptor: &T,
    ) -> Result<(), Error> {
        let content = descriptor::write(&key, descriptor)?;
        self.put_in_outbox(key, Some(&content)).await
    }

    pub(crate) async fn delete_descriptor(&mut self, key: ObjectKey) -> Result<(), Error> {
        self.put_in_outbox(key, None).await
    }

    async fn put_in_outbox(&mut self, key: ObjectKey, content: Option<&[u8]>) -> Result<(), Error> {
        let key = key.to_string();
        self.tx.put_outbox_entry(&key, content).await?;
        self.keys.insert(key);
        Ok(())
    }

    /// Delays the acknowledgement until earlier changes of this descriptor are delivered: a request that
    /// changes nothing may repeat one that was not acknowledged.
    pub(crate) fn await_delivery(&mut self, key: &ObjectKey) {
        self.keys.insert(key.to_string());
    }

    /// The same for all descriptors whose keys begin with `prefix`.
    pub(crate) async fn await_deliveries(&mut self, prefix: &str) -> Result<(), Error> {
        self.keys.extend(self.tx.outbox_keys(prefix).await?);
        Ok(())
    }

    async fn commit(mut self) -> Result<Delivery, Error> {
        let Self { registry, keys, .. } = &self;
        if !self.is_recorded {
            let (registry, keys) = (registry.clone(), keys.clone());
            self.tx.rollback().await?;
            return registry.claim(keys).await;
        }
        self.count_changes().await?;
        let times = lease_times(&mut self.tx).await?;
        let delivery = Delivery::claim(&mut self.tx, self.keys, times).await?;
        self.tx.commit().await?;
        self.registry.announce_revision(self.revision);
        if self.changes_trust {
            take_over_trust(&self.registry).await;
        }
        Ok(delivery)
    }

    async fn count_changes(&mut self) -> Result<(), Error> {
        if self.revision == self.revision_before {
            return Ok(());
        }
        self.tx.set_revision(self.revision).await?;
        let kept = self.registry.options().changes_kept;
        let compacted = Revision(self.revision.0.saturating_sub(kept));
        self.tx.compact_changes(compacted).await
    }
}

/// The change is committed, so it does not fail if the table cannot be read.
async fn take_over_trust(registry: &Registry) {
    if let Err(error) = registry.refresh().await {
        let error: &dyn std::error::Error = &error;
        tracing::error!(
            error,
            "the changed trust table cannot be read; the next refresh tries again"
        );
    }
}
