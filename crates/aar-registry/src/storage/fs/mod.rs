//! A folder on this host.
//!
//! Writes and deletions are durable when they return: a descriptor must not reappear after a power failure.

mod image_file;
mod leftovers;
mod list;
mod staged;
mod temporary;

use std::{
    io,
    path::{Path, PathBuf},
};

use aar_fs::{
    PRIVATE, Volume, create_private_folder, create_with, if_exists, remove_if_exists, replace_with,
    sync_folder,
};
use aar_types::Digest;
use async_trait::async_trait;
use bytes::Bytes;
use fs_err::File;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use jiff::Timestamp;

pub(crate) use staged::StagedFile;

use self::image_file::{ImageFile, Streams};
use super::{
    Area, Backend, ByteStream, Content, Leftover, Object, ObjectKey, ReadImage, StagedId,
    StagedUpload,
};
use crate::{Error, folder, tasks::blocking};

const FOLDERS: [&str; 2] = ["blobs/sha256", "staging"];
/// The maximum number of write attempts while empty folders are removed concurrently.
const ATTEMPTS: usize = 5;

#[derive(Debug)]
pub(crate) struct FsStorage {
    root: PathBuf,
    streams: Streams,
}

impl FsStorage {
    pub(super) async fn open(root: &Path) -> Result<Self, Error> {
        let root = root.to_owned();
        blocking(move || {
            for folder in FOLDERS {
                folder::create_private(&root.join(folder))?;
            }
            Ok(Self {
                root: fs_err::canonicalize(&root)?,
                streams: Streams::default(),
            })
        })
        .await
    }

    fn file(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.to_string())
    }

    /// Writes a file, and creates its folder if it is missing.
    async fn write<T: Send + 'static>(
        &self,
        key: &ObjectKey,
        write: impl Fn(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let file = self.file(key);
        blocking(move || {
            for _ in 1..ATTEMPTS {
                if let Some(folder) = file.parent() {
                    create_private_folder(folder)?;
                }
                if let Some(written) = if_exists(write(&file))? {
                    return Ok(written);
                }
            }
            Ok(write(&file)?)
        })
        .await
    }
}

#[async_trait]
impl Backend for FsStorage {
    async fn put(&self, key: &ObjectKey, content: Bytes) -> Result<(), Error> {
        self.write(key, move |file| replace_with(file, &content))
            .await
    }

    async fn put_new(&self, key: &ObjectKey, content: Bytes) -> Result<bool, Error> {
        self.write(key, move |file| create_with(file, &content, PRIVATE))
            .await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, Error> {
        let file = self.file(key);
        blocking(move || Ok(if_exists(fs_err::read(file))?.map(Bytes::from))).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<bool, Error> {
        let (file, root) = (self.file(key), self.root.clone());
        let remove_empty_folders = !matches!(key, ObjectKey::Blob(_));
        blocking(move || {
            let existed = remove_if_exists(&file)?;
            // Even if the file did not exist: the process may have died before an earlier deletion was
            // durable.
            if_exists(sync_deletion(&root, &file, remove_empty_folders))?;
            Ok(existed)
        })
        .await
    }

    fn list(&self, area: Area) -> BoxStream<'static, Result<Object, Error>> {
        list::objects(self.root.clone(), area)
    }

    async fn blob_object(&self, digest: &Digest) -> Result<Option<Object>, Error> {
        let key = ObjectKey::Blob(*digest);
        let file = self.file(&key);
        blocking(move || {
            let metadata = if_exists(fs_err::metadata(file))?;
            Ok(metadata.map(|metadata| list::object(key.to_string(), &metadata)))
        })
        .await
    }

    async fn open_blob(&self, digest: &Digest, size: u64) -> Result<Option<Content>, Error> {
        match self.image_file(digest).await? {
            Some(file) if file.size() != size => Err(Error::ImageDamaged { digest: *digest }),
            file => Ok(file.map(|file| Content::Bytes(Box::new(file)))),
        }
    }

    async fn read_blob(&self, digest: &Digest) -> Result<Option<ByteStream>, Error> {
        let file = self.image_file(digest).await?;
        Ok(file.map(|file| file.stream(0..file.size()).err_into().boxed()))
    }

    async fn check_writable(&self) -> Result<(), Error> {
        let staging = self.root.join("staging");
        blocking(move || Ok(aar_fs::probe_writable(&staging)?)).await
    }

    async fn volume(&self) -> Result<Option<Volume>, Error> {
        let root = self.root.clone();
        blocking(move || Ok(Some(Volume::of(&root)?))).await
    }

    fn staged(&self, id: StagedId) -> Box<dyn StagedUpload> {
        Box::new(StagedFile::new(&self.root, id))
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Error> {
        let root = self.root.clone();
        blocking(move || Ok(leftovers::find(&root)?)).await
    }

    async fn leftover(&self, path: &str) -> Result<Option<Leftover>, Error> {
        let (root, path) = (self.root.clone(), path.to_owned());
        blocking(move || Ok(leftovers::at(&root, &path)?)).await
    }

    async fn set_modified(&self, path: &str, at: Timestamp) -> Result<(), Error> {
        let path = self.root.join(path);
        blocking(move || {
            let Some(file) = if_exists(fs_err::OpenOptions::new().write(true).open(path))? else {
                return Ok(());
            };
            Ok(file.file().set_modified(at.into())?)
        })
        .await
    }

    async fn delete_leftover(&self, path: &str) -> Result<bool, Error> {
        let (root, path) = (self.root.clone(), path.to_owned());
        blocking(move || Ok(leftovers::delete(&root, &path)?)).await
    }
}

impl FsStorage {
    async fn image_file(&self, digest: &Digest) -> Result<Option<ImageFile>, Error> {
        let file = self.file(&ObjectKey::Blob(*digest));
        let streams = self.streams.clone();
        blocking(move || {
            let Some(file) = if_exists(File::open(file))? else {
                return Ok(None);
            };
            Ok(Some(ImageFile::new(file.into(), streams)?))
        })
        .await
    }
}

fn sync_deletion(root: &Path, file: &Path, remove_empty_folders: bool) -> io::Result<()> {
    let mut folder = file.parent().unwrap_or(root);
    while remove_empty_folders && folder != root && std::fs::remove_dir(folder).is_ok() {
        folder = folder.parent().unwrap_or(root);
    }
    sync_folder(folder)
}
