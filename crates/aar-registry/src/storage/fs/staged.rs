//! An upload as a file in `staging/`, on the volume of the blobs: a rename finishes it.

use std::{
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use aar_fs::{Volume, create_private_folder, if_exists, remove_if_exists};
use async_trait::async_trait;
use bytes::Bytes;
use fs_err::{File, OpenOptions, os::unix::fs::OpenOptionsExt};
use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};

use crate::{
    Error,
    storage::{
        ObjectKey, StagedId, object_key,
        staged::{CheckpointPolicy, CheckpointTask, Progress, Resumed, StagedUpload},
    },
    tasks::blocking,
};

/// The maximum number of bytes that are sent again after a crash of the host.
const CHECKPOINTS: CheckpointPolicy = CheckpointPolicy {
    interval: 32 << 20,
    in_flight: 1,
};

pub(crate) struct StagedFile {
    id: StagedId,
    path: PathBuf,
    blob: PathBuf,
    root: PathBuf,
    open: Option<OpenFile>,
    sync: fn(&File) -> io::Result<()>,
}

#[derive(Clone)]
struct OpenFile {
    file: Arc<File>,
    /// The offset of the next piece.
    end: u64,
}

impl StagedFile {
    pub(super) fn new(root: &Path, id: StagedId) -> Self {
        Self {
            path: root.join(object_key::staged(id.upload)),
            blob: root.join(ObjectKey::Blob(id.digest).to_string()),
            root: root.to_owned(),
            id,
            open: None,
            sync: File::sync_data,
        }
    }

    /// An upload whose disk fails with the given function.
    #[cfg(test)]
    pub(crate) fn on_failing_disk(
        root: &Path,
        id: StagedId,
        sync: fn(&File) -> io::Result<()>,
    ) -> Self {
        Self {
            sync,
            ..Self::new(root, id)
        }
    }

    fn open(&self) -> Result<&OpenFile, Error> {
        let id = self.id.upload;
        self.open.as_ref().ok_or(Error::UploadNotFound { id })
    }
}

#[async_trait]
impl StagedUpload for StagedFile {
    fn checkpoints(&self) -> CheckpointPolicy {
        CHECKPOINTS
    }

    async fn resume(&mut self, progress: &Progress) -> Result<Resumed, Error> {
        let (path, end) = (self.path.clone(), progress.durable.offset);
        let file = blocking(move || Ok(open_at(&path, end)?)).await?;
        let id = self.id.upload;
        let file = file.ok_or(Error::UploadNotFound { id })?;
        self.open = Some(OpenFile {
            file: Arc::new(file),
            end,
        });
        Ok(Resumed::AtDurable)
    }

    fn append(&mut self, piece: Bytes) -> BoxFuture<'static, Result<(), Error>> {
        let id = self.id.upload;
        let Some(open) = &mut self.open else {
            return ready(Err(Error::UploadNotFound { id })).boxed();
        };
        let OpenFile { file, end } = open.clone();
        open.end += piece.len() as u64;
        let root = self.root.clone();
        let write = blocking(move || {
            Volume::of(&root)?.require(piece.len() as u64)?;
            Ok(file.file().write_all_at(&piece, end)?)
        });
        write.boxed()
    }

    async fn checkpoint(&mut self) -> Result<CheckpointTask, Error> {
        let (file, sync) = (Arc::clone(&self.open()?.file), self.sync);
        let synced = blocking(move || Ok(sync(&file)?));
        Ok(synced.map(|synced| synced.map(|()| None)).boxed())
    }

    async fn finish(&mut self, _parts: &[String]) -> Result<bool, Error> {
        let (staged, blob) = (self.path.clone(), self.blob.clone());
        let length = self.id.length;
        blocking(move || {
            let Some(file) = if_exists(File::open(&staged))? else {
                let blob = if_exists(fs_err::metadata(&blob))?;
                return Ok(blob.is_some_and(|blob| blob.len() == length));
            };
            if file.metadata()?.len() != length {
                return Ok(false);
            }
            if let Some(shard) = blob.parent() {
                create_private_folder(shard)?;
            }
            aar_fs::place(&file, &staged, &blob)?;
            Ok(true)
        })
        .await
    }

    async fn abort(&mut self) -> Result<(), Error> {
        let path = self.path.clone();
        blocking(move || Ok(remove_if_exists(&path).map(drop)?)).await
    }
}

/// Truncates the file at the offset. `None` if the file is shorter: only the beginning of an upload creates
/// the file.
fn open_at(path: &Path, offset: u64) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(offset == 0).mode(0o600);
    let Some(file) = if_exists(options.open(path))? else {
        return Ok(None);
    };
    let size = file.metadata()?.len();
    if size > offset {
        file.set_len(offset)?;
    }
    Ok((size >= offset).then_some(file))
}
