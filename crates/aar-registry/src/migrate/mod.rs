//! Moving to another storage while the registry works.
//!
//! The copy is made in passes, as long as anything new comes; each skips what the pass before has
//! copied, so one that was cut short is simply begun again. The last pass holds the write
//! transaction: nobody can add or remove anything, and what is there to copy is little. An image
//! that has come at the last moment is not: then there is another pass before. It ends by naming
//! the new storage in the database.
//!
//! The name is what keeps the storages apart. Each has it in its mark, the database has that of the
//! one in use, and both are compared when a registry opens and before anything is written. So a
//! process that still has the old storage cannot write to it, and a configuration that names the
//! wrong one is refused. Nothing is deleted from the old storage; uploads that were open begin anew.

mod copy;

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

/// After so many passes the last one copies what is left.
const PASSES: usize = 8;

/// What became of a move.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MigrationReport {
    /// Whether the registry used that storage already, so that nothing was left to do.
    pub already_there: bool,
    /// How many images were copied this time.
    pub images: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many descriptors were written or deleted this time.
    pub descriptors: u64,
    /// How many open uploads have to begin anew.
    pub uploads_given_up: u64,
}

impl Operator {
    /// Copies everything to another storage and uses that one from then on.
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
        for row in given_up {
            if let Err(error) = old.staged(row.staged_id()).abort().await {
                tracing::warn!(%error, id = %row.id, "an upload stays in the old storage");
            }
        }
        Ok(report)
    }

    /// Marks the target as a copy that is being made. Gives its name; `None` when it is in use.
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

    /// Passes, until nothing new has come in one of them; then the last.
    async fn copy_and_switch(
        &self,
        mut copying: Copying,
        name: &str,
    ) -> Result<(MigrationReport, Vec<UploadRow>), Error> {
        let mut passes = 0;
        loop {
            let before = copying.report.clone();
            copying.pass().await?;
            passes += 1;
            let patient = passes < PASSES;
            if patient && copying.report != before {
                continue;
            }
            let name = name.to_owned();
            let switched = self
                .registry
                .mutate(&self.actor, move |change| {
                    Box::pin(finish(change, copying, name, patient))
                })
                .await?;
            match switched {
                Switched::Done(report, given_up) => return Ok((report, given_up)),
                Switched::NotYet(more) => copying = more,
            }
        }
    }
}

/// How the last pass ended.
enum Switched {
    /// The new storage is in use; these uploads have to begin anew.
    Done(MigrationReport, Vec<UploadRow>),
    /// An image has come. Copying it would take too long while nobody else can write.
    NotYet(Copying),
}

/// The last pass, while nobody else can write.
async fn finish(
    change: &mut Mutation,
    mut copying: Copying,
    name: String,
    patient: bool,
) -> Result<Switched, Error> {
    if patient && !copying.missing_images().await?.is_empty() {
        return Ok(Switched::NotYet(copying));
    }
    copying.pass().await?;
    let Copying {
        target, mut report, ..
    } = copying;
    let given_up = change.tx.open_uploads().await?;
    for row in &given_up {
        change.tx.delete_upload(row.id).await?;
    }
    report.uploads_given_up = given_up.len() as u64;
    mark_as(&change.registry, &target, &name, false).await?;
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
    /// Whether another storage is in use than the one that this process has open.
    pub async fn storage_has_moved(&self) -> Result<bool, Error> {
        let storage = self.metadata().read().await?.storage().await?;
        Ok(storage.is_some_and(|storage| storage != self.storage_name()))
    }

    /// Takes over the storage that is in use, which the options have to name.
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
