//! Opens a registry: database and storage must belong together.

use aar_types::{RegistryId, Revision};
use uuid::Uuid;

use crate::{
    Error, Options, Registry,
    descriptor::{self, FORMAT, RegistryDescriptor},
    metadata::{Metadata, RegistryRow},
    storage::{ObjectKey, Storage},
};

impl Registry {
    /// Opens the registry and creates missing files.
    ///
    /// Refuses storage of another registry, storage without `registry.json`, and an empty database with
    /// storage that is not empty: see [`Registry::rebuild`].
    pub async fn open(options: Options) -> Result<Self, Error> {
        let metadata = Metadata::open(&options.database).await?;
        let storage = Storage::open(&options.storage).await?;
        let row = identify(&metadata, &storage).await?;
        check_in_use(&row, &storage).await?;
        let registry = Self::assemble(options, metadata, storage, row);
        registry.refresh().await?;
        if let Err(error) = registry.correct_times().await {
            tracing::warn!(%error, "times in the future cannot be corrected; the next collection tries again");
        }
        Ok(registry)
    }
}

async fn identify(metadata: &Metadata, storage: &Storage) -> Result<RegistryRow, Error> {
    let known = metadata.read().await?.registry().await?;
    let mark = storage_owner(storage).await?;
    match (known, mark) {
        (Some(row), Some(mark)) if row.id == mark.id => Ok(row),
        (Some(row), Some(mark)) => Err(Error::ForeignStorage {
            storage: mark.id,
            database: row.id,
        }),
        (Some(row), None) => Err(unmarked(row.id)),
        (None, _) => create(metadata, storage).await,
    }
}

/// Refuses a storage that is not in use: an unfinished copy, or the previous storage of a migrated registry.
pub(crate) async fn check_in_use(row: &RegistryRow, storage: &Storage) -> Result<(), Error> {
    match storage_owner(storage).await? {
        Some(mark) if mark.incomplete => Err(Error::StorageIncomplete),
        Some(mark) if mark.storage != row.storage => Err(Error::StorageMoved),
        _ => Ok(()),
    }
}

/// The content of `registry.json`, if it exists.
pub(crate) async fn storage_owner(storage: &Storage) -> Result<Option<RegistryDescriptor>, Error> {
    let registry = storage.get(&ObjectKey::Registry);
    let Some(content) = storage.in_time(registry).await? else {
        return Ok(None);
    };
    let mark: RegistryDescriptor = descriptor::parse(&ObjectKey::Registry, &content)?;
    if mark.format > FORMAT {
        return Err(Error::NewerFormat {
            found: mark.format,
            known: FORMAT,
        });
    }
    Ok(Some(mark))
}

/// Creates a registry. The id is written to storage first, so an interrupted creation can be repeated.
async fn create(metadata: &Metadata, storage: &Storage) -> Result<RegistryRow, Error> {
    let is_empty = storage.is_empty().await?;
    let known = metadata.read().await?.registry().await?;
    let mark = match known {
        // Another process has created it.
        Some(row) => return Ok(row),
        None if is_empty => mark_storage(storage).await?,
        None => return Err(Error::EmptyDatabase),
    };
    let mut tx = metadata.write().await?;
    if let Some(row) = tx.registry().await? {
        return Ok(row);
    }
    let row = RegistryRow {
        id: mark.id,
        storage: mark.storage,
        revision: Revision(0),
        compacted: Revision(0),
        trust_revision: 0,
    };
    // Rows may remain from an interrupted rebuild.
    tx.clear().await?;
    tx.insert_registry(&row).await?;
    tx.commit().await?;
    Ok(row)
}

/// Writes `registry.json` if it does not exist.
pub(crate) async fn mark_storage(storage: &Storage) -> Result<RegistryDescriptor, Error> {
    match storage_owner(storage).await? {
        Some(mark) if mark.incomplete => return Err(Error::StorageIncomplete),
        Some(mark) => return Ok(mark),
        None => {}
    }
    let id: RegistryId =
        Uuid::new_v4()
            .to_string()
            .parse()
            .map_err(|source: aar_types::InvalidValue| Error::Damaged {
                place: ObjectKey::Registry.to_string(),
                source: source.into(),
            })?;
    let mark = RegistryDescriptor::first(id);
    let content = descriptor::write(&ObjectKey::Registry, &mark)?;
    if storage.put_new(&ObjectKey::Registry, content).await? {
        return Ok(mark);
    }
    // Another process may have written it first.
    let marked = storage_owner(storage).await?;
    marked.ok_or_else(|| unmarked(mark.id))
}

fn unmarked(id: RegistryId) -> Error {
    let mark = RegistryDescriptor::first(id);
    Error::UnmarkedStorage {
        expected: serde_json::to_string(&mark).unwrap_or_default(),
    }
}
