//! A folder as the storage.
//!
//! Small objects go through `object_store`, which writes them whole or not at all and makes them
//! last. A deletion has to last as well, or a descriptor could come back after a power failure:
//! `object_store` leaves that open, so the folder is synced here.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use aar_types::Digest;
use bytes::Bytes;
use fs_err::File;
use futures_util::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, local::LocalFileSystem,
};
use sha2::{Digest as _, Sha256};

use super::{Area, Content, ImageFile, Key, Object, content::Streams, keys};
use crate::{Error, folder, tasks::blocking};

/// Pieces in which blobs are read for hashing.
const READ: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct FsStorage {
    pub(super) root: PathBuf,
    store: Arc<LocalFileSystem>,
    streams: Streams,
}

impl FsStorage {
    pub(super) async fn open(root: &Path) -> Result<Self, Error> {
        let root = root.to_owned();
        blocking(move || {
            for folder in keys::FOLDERS {
                folder::create_private(&root.join(folder))?;
            }
            let store = LocalFileSystem::new_with_prefix(&root)?.with_fsync(true);
            let root = fs_err::canonicalize(&root)?;
            let store = Arc::new(store);
            Ok(Self {
                root,
                store,
                streams: Streams::default(),
            })
        })
        .await
    }

    /// Where the file of a key is.
    pub(super) fn file_of(&self, key: &Key) -> PathBuf {
        self.root.join(key.to_string())
    }

    pub(super) async fn put(&self, key: &Key, content: Bytes) -> Result<(), Error> {
        self.store.put(&key.path(), content.into()).await?;
        Ok(())
    }

    pub(super) async fn put_new(&self, key: &Key, content: Bytes) -> Result<bool, Error> {
        let options = PutOptions::from(PutMode::Create);
        let path = key.path();
        match self.store.put_opts(&path, content.into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, Error> {
        match self.store.get(&key.path()).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<bool, Error> {
        match self.store.delete(&key.path()).await {
            Ok(()) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let file = self.file_of(key);
        let root = self.root.clone();
        let tidy = !matches!(key, Key::Blob(_));
        blocking(move || Ok(settle_deletion(&root, &file, tidy)?)).await?;
        Ok(true)
    }

    pub(super) fn list(&self, area: Area) -> BoxStream<'static, Result<Object, Error>> {
        let found = self.store.list(Some(&area.prefix()));
        found.map(|object| Ok(read_object(object?))).boxed()
    }

    pub(super) async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        Ok(self.blob_object(digest).await?.map(|object| object.size))
    }

    pub(super) async fn blob_object(&self, digest: &Digest) -> Result<Option<Object>, Error> {
        match self.store.head(&Key::Blob(*digest).path()).await {
            Ok(found) => Ok(Some(read_object(found))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn open_blob(&self, digest: &Digest) -> Result<Option<Content>, Error> {
        let file = self.file_of(&Key::Blob(*digest));
        let streams = self.streams.clone();
        blocking(move || match there(File::open(file))? {
            Some(file) => Ok(Some(Content::File(ImageFile::new(file.into(), streams)?))),
            None => Ok(None),
        })
        .await
    }

    pub(super) async fn hash_blob(&self, digest: &Digest) -> Result<Option<(u64, Digest)>, Error> {
        let file = self.file_of(&Key::Blob(*digest));
        blocking(move || match there(File::open(file))? {
            Some(file) => Ok(Some(hash(file)?)),
            None => Ok(None),
        })
        .await
    }

    pub(super) async fn free_bytes(&self) -> Result<u64, Error> {
        let root = self.root.clone();
        blocking(move || {
            let space = rustix::fs::statvfs(&root).map_err(io::Error::from)?;
            Ok(space.f_bavail.saturating_mul(space.f_frsize))
        })
        .await
    }
}

fn read_object(meta: ObjectMeta) -> Object {
    let micros = meta.last_modified.timestamp_micros();
    Object {
        path: meta.location,
        size: meta.size,
        modified: Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH),
        tag: meta.e_tag,
    }
}

fn hash(mut file: File) -> io::Result<(u64, Digest)> {
    use std::io::Read;

    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((size, Digest::from_bytes(hasher.finalize().into())));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

/// Makes the deletion of a file last. With `tidy` the folders that have become empty go too.
fn settle_deletion(root: &Path, file: &Path, tidy: bool) -> io::Result<()> {
    let mut folder = file.parent().unwrap_or(root);
    while tidy && folder != root && std::fs::remove_dir(folder).is_ok() {
        folder = folder.parent().unwrap_or(root);
    }
    sync_folder(folder)
}

/// Makes the names in a folder last.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// "Not there" as a value.
pub(super) fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        if is_full(&error) {
            // What it says has all its causes in it already.
            Self::StorageFull {
                source: error.to_string().into(),
            }
        } else {
            Self::Storage(error)
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if is_full(&error) {
            Self::StorageFull {
                source: error.into(),
            }
        } else {
            Self::Io(error)
        }
    }
}

/// Whether a full disk, or a full quota, is at the bottom of an error.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if let Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) = kind {
            return true;
        }
        next = error.source();
    }
    false
}
