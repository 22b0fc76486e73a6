//! The partial file of a download.

use std::{
    fs::TryLockError,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use aar_fs::Sha256Hasher;
use aar_http::HeaderValue;
use aar_types::Digest;
use bytes::BytesMut;
use fs_err::File;

use super::pipeline::{Pipeline, ThreadEnded};
use crate::Error;

const CHUNK: usize = 1 << 20;
/// How often a locked file is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A partial file. It is locked: a download that follows a cancelled one waits until the first has
/// written what it received.
pub(super) struct PartialFile {
    path: PathBuf,
    received: u64,
    /// The entity tag of the content in the storage, if this process received it.
    pub(super) tag: Option<HeaderValue>,
    /// Whether the storage ignored its own tag before; then the tag is not used again.
    tag_failed: bool,
    buffer: BytesMut,
    pipeline: Pipeline,
}

impl PartialFile {
    /// Opens the file, with the content of an earlier attempt. A file that is longer than the image
    /// is emptied. Waits as long as another download holds the file.
    pub(super) async fn open(path: &Path, image_size: u64) -> Result<Self, Error> {
        let (file, length) = loop {
            match blocking(path, move |path| open_locked(path, image_size)).await? {
                Some(opened) => break opened,
                None => tokio::time::sleep(LOCK_PAUSE).await,
            }
        };
        let existing = blocking(path, |path| File::open(path)).await?;
        Ok(Self {
            path: path.to_owned(),
            received: length,
            tag: None,
            tag_failed: false,
            buffer: BytesMut::new(),
            pipeline: Pipeline::start(file, existing.take(length)),
        })
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) async fn append(&mut self, bytes: &[u8]) -> Result<(), ThreadEnded> {
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(CHUNK + bytes.len());
        }
        self.buffer.extend_from_slice(bytes);
        self.received += bytes.len() as u64;
        if self.buffer.len() < CHUNK {
            return Ok(());
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), ThreadEnded> {
        let Self {
            buffer, pipeline, ..
        } = self;
        if buffer.is_empty() {
            return Ok(());
        }
        pipeline.send(|| std::mem::take(buffer).freeze()).await
    }

    /// Returns the digest of the complete file, and the file, still locked. After a failure, returns its
    /// reason.
    pub(super) async fn finish(mut self) -> Result<(Digest, File), Error> {
        // If it fails, the pipeline returns the reason.
        let _ = self.flush().await;
        let finished = self.pipeline.finish().await;
        let (file, digest) = finished.map_err(|error| file_error(&self.path, error))?;
        Ok((digest, file))
    }

    /// Ends an incomplete download and keeps the received bytes for the next attempt.
    pub(super) async fn keep(mut self) -> Result<(), Error> {
        if self.received == 0 {
            return self.discard().await;
        }
        let _ = self.flush().await;
        let closed = self.pipeline.close().await;
        closed
            .map(drop)
            .map_err(|error| file_error(&self.path, error))
    }

    /// Discards the received bytes and starts again.
    pub(super) async fn restart(self, image_size: u64) -> Result<Self, Error> {
        let path = self.path.clone();
        let tag_failed = self.tag_failed || self.tag.is_some();
        self.discard().await?;
        let mut restarted = Self::open(&path, image_size).await?;
        restarted.tag_failed = tag_failed;
        Ok(restarted)
    }

    /// The tag that the remaining content must have, if it is known.
    pub(super) fn expected_tag(&self) -> Option<&HeaderValue> {
        let usable = self.received > 0 && !self.tag_failed;
        self.tag.as_ref().filter(|_| usable)
    }

    /// Removes the file while it is locked, so that no other download has opened it.
    pub(super) async fn discard(self) -> Result<(), Error> {
        let file = self.pipeline.close().await?;
        let removed = fs_err::tokio::remove_file(&self.path).await;
        drop(file);
        Ok(removed?)
    }
}

/// Gives a complete file its final name.
pub(super) async fn place(file: File, from: &Path, to: &Path) -> Result<(), Error> {
    let to = to.to_owned();
    blocking(from, move |from| aar_fs::place(&file, from, &to)).await
}

pub(super) async fn digest_of(path: &Path) -> Result<Digest, Error> {
    blocking(path, |path| {
        let mut hasher = Sha256Hasher::new();
        aar_fs::hash_reader(File::open(path)?, &mut hasher)?;
        Ok(hasher.finish())
    })
    .await
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let path = path.to_owned();
    let work = move || work(&path).map_err(|error| file_error(&path, error));
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)?
}

fn file_error(path: &Path, error: io::Error) -> Error {
    if aar_fs::is_storage_full(&error) {
        let path = path.to_owned();
        return Error::NoSpace { path };
    }
    error.into()
}

/// Opens and locks the file, and returns its length. `None` if another download holds it, or has just
/// finished or discarded it.
fn open_locked(path: &Path, image_size: u64) -> io::Result<Option<(File, u64)>> {
    let mut file = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    match file.file().try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        locked => locked?,
    }
    if !is_at(&file, path)? {
        return Ok(None);
    }
    if file.metadata()?.len() > image_size {
        file.set_len(0)?;
    }
    let length = file.seek(SeekFrom::End(0))?;
    Ok(Some((file, length)))
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    let found = aar_fs::if_exists(fs_err::metadata(path))?;
    Ok(found.is_some_and(|found| (opened.dev(), opened.ino()) == (found.dev(), found.ino())))
}
