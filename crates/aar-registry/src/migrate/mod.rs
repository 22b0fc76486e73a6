//! Migrates the registry to another storage while it works.
//!
//! Passes copy the storage as long as new items arrive. Each pass skips the items that an earlier one has
//! copied, so an interrupted migration is started again. Then one transaction switches to the new storage: it
//! records its name, and puts the descriptors that have changed since the last pass into the outbox, which
//! delivers them to the new storage. If an image has arrived since, there is another pass instead. No request
//! is made to either storage while the transaction is open.
//!
//! The name distinguishes the storages. Each storage has its name in `registry.json`, and the database has
//! the name of the storage in use. Both are compared when a registry opens and before every write. So a
//! process that still has the old storage open cannot write to it, and a configuration that names the wrong
//! storage is refused. Nothing is deleted from the old storage; open uploads start again.

mod copy;
#[cfg(test)]
mod tests;

use serde::Serialize;
use uuid::Uuid;

use copy::Copying;

use crate::{
    Error, Operator, Registry, StorageOptions,
    descriptor::{self, RegistryDescriptor},
    metadata::UploadRow,
    mutation::Mutation,
    open::storage_owner,
    registry::StorageInUse,
    storage::{ObjectKey, Storage},
};

/// The number of passes after which a switch is attempted even if the last one has copied something.
const PASSES: usize = 8;

/// The outcome of a migration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MigrationReport {
    /// Whether the registry already used that storage, so that the migration did nothing.
    pub already_there: bool,
    /// The number of images copied this time.
    pub images: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The number of descriptors written or deleted this time.
    pub descriptors: u64,
    /// The number of open uploads that must start again.
    pub uploads_given_up: u64,
}

impl Operator {
    /// Copies everything to another storage and switches to it.
    pub async fn migrate(&self, to: &StorageOptions) -> Result<MigrationReport, Error> {
        let target = Storage::open(to).await?;
        let Some(name) = self.prepare(&target).await? else {
            return Ok(MigrationReport {
                already_there: true,
                ..MigrationReport::default()
            });
        };
        let copying = Copying::begin(&self.registry, target).await?;
        let (report, given_up) = self.copy_and_switch(copying, &name).await?;
        let old = self.registry.storage();
        self.registry.follow_storage(to).await?;
        if let Err(error) = self.deliver_outbox().await {
            tracing::warn!(%error, "the new storage lacks the last changes; the registry delivers them later");
        }
        for row in given_up {
            if let Err(error) = old.staged(row.staged_id()).abort().await {
                tracing::warn!(%error, id = %row.id, "an upload stays in the old storage");
            }
        }
        Ok(report)
    }

    /// Marks the target as an unfinished copy. Returns its name; `None` if it is already in use.
    async fn prepare(&self, target: &Storage) -> Result<Option<String>, Error> {
        let registry = &self.registry;
        let mark = storage_owner(target).await?;
        let name = match mark {
            Some(mark) if mark.id != *registry.id() => {
                return Err(Error::ForeignStorage {
                    storage: mark.id,
                    database: registry.id().clone(),
                });
            }
            Some(mark) if !mark.incomplete && mark.storage == registry.storage_name() => {
                return Ok(None);
            }
            Some(mark) if mark.incomplete => mark.storage,
            Some(_) => Uuid::new_v4().to_string(),
            None if target.is_empty().await? => Uuid::new_v4().to_string(),
            None => return Err(Error::TargetNotEmpty),
        };
        mark_as(registry, target, &name, true).await?;
        Ok(Some(name))
    }

    /// Runs passes until one of them copies nothing new; then switches.
    async fn copy_and_switch(
        &self,
        mut copying: Copying,
        name: &str,
    ) -> Result<(MigrationReport, Vec<UploadRow>), Error> {
        let registry = &self.registry;
        let mut passes = 0;
        loop {
            passes += 1;
            let before = copying.report.clone();
            copying.pass().await?;
            if passes % PASSES != 0 && copying.report != before {
                continue;
            }
            mark_as(registry, &copying.target, name, false).await?;
            let new_name = name.to_owned();
            let switch = registry.mutate(&self.actor, move |change| {
                Box::pin(finish(change, copying, new_name))
            });
            match switch.await? {
                Switched::Done(report, given_up) => return Ok((report, given_up)),
                Switched::NotYet(more) => copying = more,
            }
            if passes >= PASSES {
                tracing::warn!(
                    passes,
                    "images arrive as fast as they are copied; pause the publishers"
                );
            }
            mark_as(registry, &copying.target, name, true).await?;
        }
    }
}

/// The outcome of an attempt to switch.
enum Switched {
    /// The new storage is in use; these uploads must start again.
    Done(MigrationReport, Vec<UploadRow>),
    /// Another pass is needed.
    NotYet(Copying),
}

/// Switches to the copy, unless another pass is needed.
async fn finish(change: &mut Mutation, copying: Copying, name: String) -> Result<Switched, Error> {
    if !copying.queue_changes(&mut change.tx).await? {
        return Ok(Switched::NotYet(copying));
    }
    let mut report = copying.report;
    let given_up = change.tx.open_uploads().await?;
    for row in &given_up {
        change.tx.delete_upload(row.id).await?;
    }
    report.uploads_given_up = given_up.len() as u64;
    change.tx.set_storage(&name).await?;
    let detail = format!("{} images, {} bytes", report.images, report.bytes);
    change.record("migrate-storage", name, detail).await?;
    Ok(Switched::Done(report, given_up))
}

async fn mark_as(
    registry: &Registry,
    target: &Storage,
    name: &str,
    incomplete: bool,
) -> Result<(), Error> {
    let mark = RegistryDescriptor {
        storage: name.to_owned(),
        incomplete,
        ..RegistryDescriptor::first(registry.id().clone())
    };
    let content = descriptor::write(&ObjectKey::Registry, &mark)?;
    target.put(&ObjectKey::Registry, content).await
}

impl Registry {
    /// Whether the storage in use is not the one that this process has open.
    pub async fn storage_has_moved(&self) -> Result<bool, Error> {
        let storage = self.metadata().read().await?.storage().await?;
        Ok(storage.is_some_and(|storage| storage != self.storage_name()))
    }

    /// Opens the storage in use, which the options must name.
    pub async fn follow_storage(&self, options: &StorageOptions) -> Result<(), Error> {
        let Some(row) = self.metadata().read().await?.registry().await? else {
            return Err(Error::EmptyDatabase);
        };
        let storage = Storage::open(options).await?;
        crate::open::check_in_use(&row, &storage).await?;
        let in_use = StorageInUse {
            storage: storage.into(),
            name: row.storage,
        };
        self.inner.storage.store(in_use.into());
        Ok(())
    }
}
