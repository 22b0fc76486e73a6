//! The partial file of a download: written by one thread and hashed by another, in order.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aar_fs::Sha256Hasher;
use aar_http::HeaderValue;
use aar_types::Digest;
use bytes::{Bytes, BytesMut};
use fs_err::File;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::Error;

const CHUNK: usize = 1 << 20;
/// How many chunks wait for each thread.
const QUEUE: usize = 4;

/// A partial file. It is locked: a download that follows a cancelled one waits until the first has
/// written what it received.
pub(super) struct PartialFile {
    path: PathBuf,
    received: u64,
    /// The entity tag of the content in the storage, if this process received it.
    pub(super) tag: Option<HeaderValue>,
    /// Whether the storage ignored its own tag before; then the tag is not used again.
    tag_failed: bool,
    /// Whether a thread has ended with an error.
    failed: bool,
    buffer: BytesMut,
    to_writer: mpsc::Sender<Bytes>,
    to_hasher: mpsc::Sender<Bytes>,
    writer: JoinHandle<io::Result<File>>,
    hasher: JoinHandle<io::Result<Digest>>,
}

impl PartialFile {
    /// Opens the file, with the content of an earlier attempt. A file that is longer than the image
    /// is emptied.
    pub(super) async fn open(path: &Path, image_size: u64) -> Result<Self, Error> {
        let (file, length) = blocking(path, move |path| open_locked(path, image_size)).await?;
        let existing = blocking(path, |path| File::open(path)).await?;
        let (to_writer, chunks) = mpsc::channel(QUEUE);
        let writer = tokio::task::spawn_blocking(move || write_chunks(file, chunks));
        let (to_hasher, chunks) = mpsc::channel(QUEUE);
        let existing = existing.take(length);
        let hasher = tokio::task::spawn_blocking(move || hash_chunks(existing, chunks));
        Ok(Self {
            path: path.to_owned(),
            received: length,
            tag: None,
            tag_failed: false,
            failed: false,
            buffer: BytesMut::new(),
            to_writer,
            to_hasher,
            writer,
            hasher,
        })
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) async fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
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

    async fn flush(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.buffer).freeze();
        let hashing = self.to_hasher.send(chunk.clone()).await;
        let writing = self.to_writer.send(chunk).await;
        match (writing, hashing) {
            (Ok(()), Ok(())) => Ok(()),
            _ => Err(self.thread_error().await),
        }
    }

    /// The error with which a thread has ended.
    async fn thread_error(&mut self) -> Error {
        self.failed = true;
        if self.writer.is_finished() {
            return match (&mut self.writer).await {
                Ok(Err(error)) => file_error(&self.path, error),
                _ => io::Error::other("the writing thread has ended").into(),
            };
        }
        match (&mut self.hasher).await {
            Ok(Err(error)) => error.into(),
            _ => io::Error::other("the hashing thread has ended").into(),
        }
    }

    /// Writes the buffered bytes. Returns the file, still locked, and the hashing thread.
    async fn close(mut self) -> Result<(File, JoinHandle<io::Result<Digest>>), Error> {
        self.flush().await?;
        drop((self.to_writer, self.to_hasher));
        let written = self.writer.await.map_err(io::Error::other)?;
        let file = written.map_err(|error| file_error(&self.path, error))?;
        Ok((file, self.hasher))
    }

    /// Returns the digest of the complete file, and the file, still locked.
    pub(super) async fn finish(self) -> Result<(Digest, File), Error> {
        let (file, hasher) = self.close().await?;
        let digest = hasher.await.map_err(io::Error::other)??;
        Ok((digest, file))
    }

    /// Ends an incomplete download and keeps the received bytes for the next attempt.
    pub(super) async fn keep(self) -> Result<(), Error> {
        if self.failed {
            return Ok(());
        }
        if self.received == 0 {
            return self.discard().await;
        }
        self.close().await.map(drop)
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
        drop((self.to_writer, self.to_hasher));
        let file = self.writer.await.map_err(io::Error::other)?;
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

/// Opens and locks the file, and returns its length.
fn open_locked(path: &Path, image_size: u64) -> io::Result<(File, u64)> {
    loop {
        let mut file = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        file.file().lock()?;
        if !is_at(&file, path)? {
            // The download that held the lock has finished or discarded this file.
            continue;
        }
        if file.metadata()?.len() > image_size {
            file.set_len(0)?;
        }
        let length = file.seek(SeekFrom::End(0))?;
        return Ok((file, length));
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    let found = aar_fs::if_exists(fs_err::metadata(path))?;
    Ok(found.is_some_and(|found| (opened.dev(), opened.ino()) == (found.dev(), found.ino())))
}

fn write_chunks(mut file: File, mut chunks: mpsc::Receiver<Bytes>) -> io::Result<File> {
    while let Some(chunk) = chunks.blocking_recv() {
        file.write_all(&chunk)?;
    }
    Ok(file)
}

fn hash_chunks(existing: impl Read, mut chunks: mpsc::Receiver<Bytes>) -> io::Result<Digest> {
    let mut hasher = Sha256Hasher::new();
    aar_fs::hash_reader(existing, &mut hasher)?;
    while let Some(chunk) = chunks.blocking_recv() {
        hasher.update(&chunk);
    }
    Ok(hasher.finish())
}
