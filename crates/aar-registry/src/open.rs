//! Opening: database and storage belong together, or the registry does not start.

use aar_types::{RegistryId, Revision};
use uuid::Uuid;

use crate::{
    Error, Options, Registry,
    descriptor::{self, FORMAT, RegistryDescriptor},
    metadata::{Metadata, RegistryRow, Writing},
    storage::{ObjectKey, Storage},
};

impl Registry {
    /// Opens the registry and creates what is missing.
    ///
    /// Refused are storage that belongs to another registry, storage that does not say whose it
    /// is, and an empty database beside storage that is not empty: see [`Registry::rebuild`].
    pub async fn open(options: Options) -> Result<Self, Error> {
        let metadata = Metadata::open(&options.database).await?;
        let storage = Storage::open(&options.storage).await?;
        let row = identify(&metadata, &storage).await?;
        check_in_use(&row, &storage).await?;
        let registry = Self::assemble(options, metadata, storage, row);
        registry.refresh().await?;
        Ok(registry)
    }
}

/// Finds out which registry this is. A new one gets its name here; the storage has it first, so
/// that a start that is cut short is simply done again.
async fn identify(metadata: &Metadata, storage: &Storage) -> Result<RegistryRow, Error> {
    let known = metadata.read().await?.registry().await?;
    let marked = storage_owner(storage).await?;
    match (known, marked) {
        (Some(row), Some(storage)) if row.id == storage.id => Ok(row),
        (Some(row), Some(storage)) => Err(Error::ForeignStorage {
            storage: storage.id,
            database: row.id,
        }),
        (Some(row), None) => Err(unmarked(row.id)),
        (None, _) => {
            let mut tx = metadata.write().await?;
            let row = begin_registry(&mut tx, storage).await?;
            tx.commit().await?;
            Ok(row)
        }
    }
}

/// Refuses a storage that is not the one in use: a copy that was not finished, or the one that the
/// registry moved away from.
pub(crate) async fn check_in_use(row: &RegistryRow, storage: &Storage) -> Result<(), Error> {
    match storage_owner(storage).await? {
        Some(mark) if mark.incomplete => Err(Error::StorageIncomplete),
        Some(mark) if mark.storage != row.storage => Err(Error::StorageMoved),
        _ => Ok(()),
    }
}

/// Whose storage it is; `None` where it does not say.
pub(crate) async fn storage_owner(storage: &Storage) -> Result<Option<RegistryDescriptor>, Error> {
    let Some(content) = storage.soon(storage.get(&ObjectKey::Registry)).await? else {
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

/// Makes the first entries of a new registry. Another process may have just done so.
async fn begin_registry(tx: &mut Writing, storage: &Storage) -> Result<RegistryRow, Error> {
    if let Some(row) = tx.registry().await? {
        return Ok(row);
    }
    if !storage.is_empty().await? {
        return Err(Error::EmptyDatabase);
    }
    let mark = mark_storage(storage).await?;
    let row = RegistryRow {
        id: mark.id,
        storage: mark.storage,
        revision: Revision(0),
        compacted: Revision(0),
        trust_revision: 0,
    };
    tx.insert_registry(&row).await?;
    Ok(row)
}

/// Gives the storage a name, unless it has one.
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
    // Somebody else was first.
    let marked = storage_owner(storage).await?;
    marked.ok_or_else(|| unmarked(mark.id))
}

fn unmarked(id: RegistryId) -> Error {
    let mark = RegistryDescriptor::first(id);
    Error::UnmarkedStorage {
        expected: serde_json::to_string(&mark).unwrap_or_default(),
    }
}
