//! How anything is changed: one transaction that holds the new state, the revision, the change feed
//! and the audit entry together, and takes the descriptors along.
//!
//! Descriptors are written and deleted while the transaction is open. When it does not come to its
//! end they are put back, so that database and storage say the same again before anybody else can
//! write. One that cannot be put back, as on a disk that is full, is put back before the next change.
//! A change that records nothing has changed nothing, and is rolled back.
//!
//! A descriptor that says more than the database is not always written over: `descriptor` tells
//! which ones are not, and the change fails.

use std::sync::{Mutex, PoisonError};

use aar_types::{Change, ChangeKind, Revision, VersionNumber};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Error, Outcome, Registry,
    audit::Actor,
    descriptor,
    metadata::{VariantKey, Writing},
    storage::ObjectKey,
    tasks::run_to_completion,
};

/// A change that is being made.
pub(crate) struct Mutation {
    pub(crate) tx: Writing,
    /// When it is made.
    pub(crate) at: Timestamp,
    pub(crate) registry: Registry,
    actor: Actor,
    /// The last revision that it made, or found.
    revision: Revision,
    found: Revision,
    recorded: bool,
    trust_changed: bool,
    undo: Vec<Undo>,
}

/// How to put an object back as it was.
struct Undo {
    key: ObjectKey,
    before: Option<Bytes>,
    after: Option<Bytes>,
}

/// Descriptors that are still to be put back.
#[derive(Default)]
pub(crate) struct Owed(Mutex<Vec<Undo>>);

impl Owed {
    fn add(&self, undo: impl IntoIterator<Item = Undo>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(undo);
    }

    fn take(&self) -> Vec<Undo> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Registry {
    /// Makes a change, and comes to its end even when the caller stops waiting.
    pub(crate) async fn mutate<T, F>(&self, actor: &Actor, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Mutation) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        let (registry, actor) = (self.clone(), actor.clone());
        run_to_completion(async move {
            let mut mutation = Mutation::begin(registry, actor).await?;
            match change(&mut mutation).await {
                Ok(value) => mutation.commit().await.map(|()| value),
                Err(error) => {
                    mutation.abandon().await;
                    Err(error)
                }
            }
        })
        .await
    }
}

impl Mutation {
    async fn begin(registry: Registry, actor: Actor) -> Result<Self, Error> {
        let mut tx = registry.write().await?;
        put_back(&registry, registry.inner.owed.take()).await;
        let revision = tx.revision().await?;
        Ok(Self {
            tx,
            at: registry.now(),
            registry,
            actor,
            revision,
            found: revision,
            recorded: false,
            trust_changed: false,
            undo: Vec::new(),
        })
    }

    /// Puts a change into the feed. Gives the revision it makes.
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

    /// Puts an entry into the audit log. Without one nothing is committed.
    pub(crate) async fn record(
        &mut self,
        action: &str,
        target: String,
        detail: String,
    ) -> Result<(), Error> {
        let outcome = Outcome::Done;
        let entry = self.actor.entry(self.at, action, target, outcome, detail);
        self.tx.insert_audit(&entry).await?;
        self.recorded = true;
        Ok(())
    }

    /// Notes that the trust table has changed.
    pub(crate) async fn trust_changed(&mut self) -> Result<(), Error> {
        self.tx.next_trust_revision().await?;
        self.trust_changed = true;
        Ok(())
    }

    /// Writes a descriptor, new or in place of what is there.
    pub(crate) async fn describe<T: Serialize>(
        &mut self,
        key: ObjectKey,
        descriptor: &T,
    ) -> Result<(), Error> {
        let content = descriptor::write(&key, descriptor)?;
        self.remember(&key, Some(content.clone())).await?;
        self.registry.brief_storage().put(&key, content).await
    }

    /// Deletes a descriptor. It must not be there any more when its row goes, or a rebuild could
    /// bring back what was deleted.
    pub(crate) async fn forget(&mut self, key: ObjectKey) -> Result<(), Error> {
        self.remember(&key, None).await?;
        self.registry.brief_storage().delete(&key).await?;
        Ok(())
    }

    /// Notes how to put a descriptor back, unless it has to stay as it is.
    async fn remember(&mut self, key: &ObjectKey, after: Option<Bytes>) -> Result<(), Error> {
        let before = self.registry.brief_storage().get(key).await?;
        descriptor::check_replacement(key, before.as_deref(), after.as_deref())?;
        let key = key.clone();
        self.undo.push(Undo { key, before, after });
        Ok(())
    }

    async fn commit(mut self) -> Result<(), Error> {
        if !self.recorded {
            return self.tx.rollback().await;
        }
        if let Err(error) = self.count_changes().await {
            self.abandon().await;
            return Err(error);
        }
        if let Err(error) = self.tx.commit().await {
            put_back_alone(&self.registry, self.undo).await;
            return Err(error);
        }
        self.registry.announce_revision(self.revision);
        if self.trust_changed {
            take_over_trust(&self.registry).await;
        }
        Ok(())
    }

    async fn count_changes(&mut self) -> Result<(), Error> {
        if self.revision == self.found {
            return Ok(());
        }
        self.tx.set_revision(self.revision).await?;
        let kept = self.registry.options().changes_kept;
        let compacted = Revision(self.revision.0.saturating_sub(kept));
        self.tx.compact_changes(compacted).await
    }

    /// Takes everything back, while nobody else can write.
    async fn abandon(self) {
        put_back(&self.registry, self.undo).await;
        if let Err(error) = self.tx.rollback().await {
            tracing::warn!(%error, "a transaction could not be rolled back; it ends with its connection");
        }
    }
}

/// The change is made by then, so that a table that cannot be read is no failure of it.
async fn take_over_trust(registry: &Registry) {
    if let Err(error) = registry.refresh().await {
        let error: &dyn std::error::Error = &error;
        tracing::error!(
            error,
            "who is trusted has changed and cannot be read; the next refresh tries it again"
        );
    }
}

/// Puts descriptors back after a commit that failed. The transaction is over by then, so another
/// one keeps writers away; what somebody else has written in between stays.
async fn put_back_alone(registry: &Registry, undo: Vec<Undo>) {
    let alone = registry.write().await;
    if let Err(error) = &alone {
        tracing::warn!(%error, "putting descriptors back without keeping other writers away");
    }
    put_back(registry, undo).await;
}

/// The last first. What fails is owed: the next change, which alone can write, tries it again. So is
/// the rest where the storage is away.
async fn put_back(registry: &Registry, mut undo: Vec<Undo>) {
    while let Some(step) = undo.pop() {
        let Err(failure) = put_back_one(registry, &step).await else {
            continue;
        };
        let (error, key): (&dyn std::error::Error, _) = (&failure, step.key.to_string());
        tracing::error!(
            error,
            key,
            "a descriptor could not be put back; it is tried again with the next change"
        );
        if failure.passes() {
            registry.inner.owed.add(undo.drain(..));
        }
        registry.inner.owed.add([step]);
    }
}

async fn put_back_one(registry: &Registry, undo: &Undo) -> Result<(), Error> {
    let storage = registry.brief_storage();
    let present = storage.get(&undo.key).await?;
    if present == undo.before || present != undo.after {
        return Ok(());
    }
    match &undo.before {
        Some(content) => storage.put(&undo.key, content.clone()).await,
        None => storage.delete(&undo.key).await.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use aar_types::{Fingerprint, Role};

    use super::*;
    use crate::{DatabaseOptions, NewTrust, Options, StorageOptions};

    #[tokio::test]
    async fn a_descriptor_that_cannot_be_put_back_is_put_back_with_the_next_change() {
        let folder = tempfile::tempdir().unwrap();
        let root_directory = folder.path().join("data");
        let path = folder.path().join("registry.sqlite");
        let storage = StorageOptions::Fs {
            root_directory: root_directory.clone(),
        };
        let options = Options::new(DatabaseOptions::Sqlite { path }, storage);
        let registry = Registry::open(options).await.unwrap();
        let key = ObjectKey::Certificate(Fingerprint::from_bytes([7; 32]));
        let file = root_directory.join(key.to_string());
        std::fs::create_dir_all(file.join("in the way")).unwrap();
        let before = Some(Bytes::from_static(b"as it was"));
        let undo = Undo {
            key,
            before,
            after: None,
        };
        put_back(&registry, vec![undo]).await;
        assert!(file.is_dir());

        std::fs::remove_dir_all(&file).unwrap();
        let operator = registry.operator("test");
        let certificate = NewTrust {
            fingerprint: Fingerprint::from_bytes([8; 32]),
            der: Vec::new(),
            role: Role::Client,
            subject: String::new(),
            not_before: Timestamp::UNIX_EPOCH,
            not_after: Timestamp::MAX,
        };
        operator.trust_add(certificate).await.unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"as it was");
    }
}
