//! Moving to another storage while the registry works.
//!
//! The copy is made in passes, as long as anything new comes; each skips what the pass before has
//! copied, so one that was cut short is simply begun again. The last pass holds the write
//! transaction: nobody can add or remove anything, and what is there to copy is little. It ends by
//! naming the new storage in the database.
//!
//! The name is what keeps the storages apart. Each has it in its mark, the database has that of the
//! one in use, and both are compared when a registry opens and before anything is written. So a
//! process that still has the old storage cannot write to it, and a configuration that names the
//! wrong one is refused. Nothing is deleted from the old storage; uploads that were open begin anew.

use aar_types::Digest;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Error, Operator, Registry, Storage, StorageOptions,
    blobs::{Area, Blobs, Key},
    descriptor::{self, RegistryDescriptor},
    metadata::{BlobState, UploadRow},
    mutation::Mutation,
    open::storage_owner,
};

/// How many rows are read at once.
const PAGE: u32 = 500;
/// How many descriptors are compared at the same time.
const AT_ONCE: usize = 16;
/// After so many passes the last one copies what is left.
const PASSES: usize = 8;
/// The parts of the storage that hold descriptors.
const DESCRIPTORS: [Area; 2] = [Area::Applications, Area::Trust];

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
        let target = Blobs::open(to).await?;
        let Some(name) = self.prepare(&target).await? else {
            return Ok(MigrationReport {
                already_there: true,
                ..MigrationReport::default()
            });
        };
        let mut report = MigrationReport::default();
        for _ in 0..PASSES {
            let before = report.clone();
            copy(&self.registry, &target, &mut report).await?;
            if report == before {
                break;
            }
        }
        let moving = Moving {
            target,
            name,
            report,
        };
        let (report, given_up) = self.switch(moving).await?;
        let old = self.registry.blobs();
        self.registry.follow_storage(to).await?;
        for row in given_up {
            if let Err(error) = old.discard_staged(&row).await {
                tracing::warn!(%error, id = %row.id, "an upload stays in the old storage");
            }
        }
        Ok(report)
    }

    /// Marks the target as a copy that is being made. Gives its name; `None` when it is in use.
    async fn prepare(&self, target: &Blobs) -> Result<Option<String>, Error> {
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

    async fn switch(&self, moving: Moving) -> Result<(MigrationReport, Vec<UploadRow>), Error> {
        self.registry
            .mutate(&self.actor, |change| Box::pin(finish(change, moving)))
            .await
    }
}

struct Moving {
    target: Blobs,
    name: String,
    report: MigrationReport,
}

/// The last pass, while nobody else can write.
async fn finish(
    change: &mut Mutation,
    moving: Moving,
) -> Result<(MigrationReport, Vec<UploadRow>), Error> {
    let Moving {
        target,
        name,
        mut report,
    } = moving;
    let registry = change.registry.clone();
    copy(&registry, &target, &mut report).await?;
    remove_extra(&registry, &target, &mut report).await?;
    let given_up = change.tx.open_uploads().await?;
    for row in &given_up {
        change.tx.delete_upload(row.id).await?;
    }
    report.uploads_given_up = given_up.len() as u64;
    mark_as(&registry, &target, &name, false).await?;
    change.tx.set_storage(&name).await?;
    let detail = format!("{} images, {} bytes", report.images, report.bytes);
    change.record("migrate-storage", name, detail).await?;
    Ok((report, given_up))
}

async fn mark_as(
    registry: &Registry,
    target: &Blobs,
    name: &str,
    incomplete: bool,
) -> Result<(), Error> {
    let mark = RegistryDescriptor {
        storage: name.to_owned(),
        incomplete,
        ..RegistryDescriptor::first(registry.id().clone())
    };
    let content = descriptor::write(&Key::Registry, &mark)?;
    target.put(&Key::Registry, content).await
}

/// Copies what the target does not have.
async fn copy(
    registry: &Registry,
    target: &Blobs,
    report: &mut MigrationReport,
) -> Result<(), Error> {
    copy_blobs(registry, target, report).await?;
    for area in DESCRIPTORS {
        copy_descriptors(registry, target, area, report).await?;
    }
    Ok(())
}

async fn copy_blobs(
    registry: &Registry,
    target: &Blobs,
    report: &mut MigrationReport,
) -> Result<(), Error> {
    let mut after: Option<Digest> = None;
    loop {
        let mut tx = registry.metadata().read().await?;
        let page = tx.blobs_after(after.as_ref(), PAGE).await?;
        drop(tx);
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.digest);
        for blob in page {
            let stored = blob.state == BlobState::Stored;
            if stored && target.blob_size(&blob.digest).await? != Some(blob.size) {
                copy_blob(registry, target, &blob.digest, blob.size).await?;
                report.images += 1;
                report.bytes += blob.size;
            }
        }
    }
}

/// Copies one blob. What is not what its digest says is not copied.
async fn copy_blob(
    registry: &Registry,
    target: &Blobs,
    digest: &Digest,
    size: u64,
) -> Result<(), Error> {
    let digest = *digest;
    let Some(content) = registry.blobs().read_blob(&digest).await? else {
        return Err(Error::ImageMissing { digest });
    };
    target.write_blob(&digest, size, content).await
}

async fn copy_descriptors(
    registry: &Registry,
    target: &Blobs,
    area: Area,
    report: &mut MigrationReport,
) -> Result<(), Error> {
    let source = registry.blobs();
    let objects = source.list(area);
    let written = objects.map(|object| async {
        match object?.key() {
            Some(key) => copy_descriptor(&source, target, &key).await,
            None => Ok(false),
        }
    });
    let mut written = written.buffer_unordered(AT_ONCE);
    while let Some(written) = written.try_next().await? {
        report.descriptors += u64::from(written);
    }
    Ok(())
}

/// Copies a descriptor unless the target has the same. Tells whether it was copied.
async fn copy_descriptor(source: &Blobs, target: &Blobs, key: &Key) -> Result<bool, Error> {
    let content: Option<Bytes> = source.get(key).await?;
    match content {
        Some(content) if target.get(key).await?.as_ref() != Some(&content) => {
            target.put(key, content).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Deletes descriptors that were deleted since an earlier pass copied them.
async fn remove_extra(
    registry: &Registry,
    target: &Blobs,
    report: &mut MigrationReport,
) -> Result<(), Error> {
    let source = registry.blobs();
    let objects = stream::iter(DESCRIPTORS).flat_map(|area| target.list(area));
    let keys: Vec<Key> = objects
        .try_filter_map(async |object| Ok(object.key()))
        .try_collect()
        .await?;
    for key in keys {
        if source.get(&key).await?.is_none() && target.delete(&key).await? {
            report.descriptors += 1;
        }
    }
    Ok(())
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
        let blobs = Blobs::open(options).await?;
        crate::open::check_in_use(&row, &blobs).await?;
        let storage = Storage {
            blobs: blobs.into(),
            name: row.storage,
        };
        self.inner.storage.store(storage.into());
        Ok(())
    }
}
