//! The file that a download grows in: written by one thread, hashed by another, in order.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aar_types::Digest;
use bytes::{Bytes, BytesMut};
use fs_err::File;
use reqwest::header::HeaderValue;
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::Error;

const PIECE: usize = 1 << 20;
/// Pieces that wait for each thread.
const QUEUE: usize = 4;

/// A partial file. It is locked, so that a download that was cancelled and one that follows it
/// never write at the same time: the second waits until the first has put down what it had.
pub(crate) struct Partial {
    path: PathBuf,
    received: u64,
    /// What storage elsewhere calls the content that the bytes came from, as far as this process
    /// knows.
    pub(crate) tag: Option<HeaderValue>,
    /// Whether a tag has made everything begin anew once; it is not asked a second time.
    tag_failed: bool,
    /// Whether a thread has ended before its time.
    broken: bool,
    gathered: BytesMut,
    to_writer: mpsc::Sender<Bytes>,
    to_hasher: mpsc::Sender<Bytes>,
    writer: JoinHandle<io::Result<File>>,
    hasher: JoinHandle<io::Result<Digest>>,
}

impl Partial {
    /// Opens the file of a download, with what an earlier attempt has left in it.
    pub(crate) async fn resume(path: &Path, most: u64) -> Result<Self, Error> {
        let (file, there) = blocking(path, move |path| open_locked(path, most)).await?;
        let again = blocking(path, |path| File::open(path)).await?;
        let (to_writer, pieces) = mpsc::channel(QUEUE);
        let writer = tokio::task::spawn_blocking(move || write_all(file, pieces));
        let (to_hasher, pieces) = mpsc::channel(QUEUE);
        let hasher = tokio::task::spawn_blocking(move || hash_all(again, there, pieces));
        Ok(Self {
            path: path.to_owned(),
            received: there,
            tag: None,
            tag_failed: false,
            broken: false,
            gathered: BytesMut::new(),
            to_writer,
            to_hasher,
            writer,
            hasher,
        })
    }

    /// How many bytes have arrived.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Takes the next bytes.
    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.gathered.capacity() == 0 {
            self.gathered.reserve(PIECE + bytes.len());
        }
        self.gathered.extend_from_slice(bytes);
        self.received += bytes.len() as u64;
        if self.gathered.len() < PIECE {
            return Ok(());
        }
        self.pass_on().await
    }

    async fn pass_on(&mut self) -> Result<(), Error> {
        let piece = std::mem::take(&mut self.gathered).freeze();
        let hashing = self.to_hasher.send(piece.clone()).await;
        let writing = self.to_writer.send(piece).await;
        match (writing, hashing) {
            (Ok(()), Ok(())) => Ok(()),
            _ => Err(self.failure().await),
        }
    }

    /// Why a thread has ended before its time.
    async fn failure(&mut self) -> Error {
        self.broken = true;
        if self.writer.is_finished() {
            return match (&mut self.writer).await {
                Ok(Err(error)) => no_space(&self.path, error),
                _ => io::Error::other("the writing thread has ended").into(),
            };
        }
        match (&mut self.hasher).await {
            Ok(Err(error)) => error.into(),
            _ => io::Error::other("the hashing thread has ended").into(),
        }
    }

    /// Everything has arrived: the digest of it, and the file, still locked.
    pub(crate) async fn finish(mut self) -> Result<(Digest, File), Error> {
        if !self.gathered.is_empty() {
            self.pass_on().await?;
        }
        drop((self.to_writer, self.to_hasher));
        let written = self.writer.await.map_err(io::Error::other)?;
        let file = written.map_err(|error| no_space(&self.path, error))?;
        let digest = self.hasher.await.map_err(io::Error::other)??;
        Ok((digest, file))
    }

    /// It ends here for now: puts down what has arrived, for the next attempt.
    pub(crate) async fn leave(mut self) -> Result<(), Error> {
        if self.broken {
            return Ok(());
        }
        if self.received == 0 {
            return self.discard().await;
        }
        if !self.gathered.is_empty() {
            self.pass_on().await?;
        }
        drop((self.to_writer, self.to_hasher));
        let written = self.writer.await.map_err(io::Error::other)?;
        written
            .map(drop)
            .map_err(|error| no_space(&self.path, error))
    }

    /// Forgets what has arrived and begins anew.
    pub(crate) async fn restart(self, most: u64) -> Result<Self, Error> {
        let path = self.path.clone();
        let tag_failed = self.tag_failed || self.tag.is_some();
        self.discard().await?;
        let mut anew = Self::resume(&path, most).await?;
        anew.tag_failed = tag_failed;
        Ok(anew)
    }

    /// What the rest has to belong to, where that is known.
    pub(crate) fn rest_of(&self) -> Option<&HeaderValue> {
        let usable = self.received > 0 && !self.tag_failed;
        self.tag.as_ref().filter(|_| usable)
    }

    /// Removes the file.
    pub(crate) async fn discard(self) -> Result<(), Error> {
        drop((self.to_writer, self.to_hasher));
        let file = self.writer.await.map_err(io::Error::other)?;
        // While it is locked: nobody else may have found it yet.
        let removed = fs_err::tokio::remove_file(&self.path).await;
        drop(file);
        Ok(removed?)
    }
}

/// Puts a complete file at its final place, on the disk before its name says so.
pub(crate) async fn put_in_place(file: File, from: &Path, to: &Path) -> Result<(), Error> {
    let to = to.to_owned();
    blocking(from, move |from| {
        // The system tells once that the disk has failed, and from then on takes what it still has in
        // memory for good: nothing is to go on from such a file.
        file.sync_all()
            .inspect_err(|_| drop(fs_err::remove_file(from)))?;
        fs_err::rename(from, &to)?;
        match to.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    })
    .await
}

/// The digest of a file.
pub(crate) async fn digest_of(path: &Path) -> Result<Digest, Error> {
    blocking(path, |path| {
        let mut hash = Sha256::new();
        hash_file(File::open(path)?, &mut hash)?;
        Ok(Digest::from_bytes(hash.finalize().into()))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let path = path.to_owned();
    let done =
        tokio::task::spawn_blocking(move || work(&path).map_err(|error| no_space(&path, error)));
    done.await.map_err(io::Error::other)?
}

fn no_space(path: &Path, error: io::Error) -> Error {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded) {
        let path = path.to_owned();
        return Error::NoSpace { path };
    }
    error.into()
}

/// Opens and locks the file at the path, and says how much is in it. What is longer than the image
/// cannot be a part of it.
fn open_locked(path: &Path, most: u64) -> io::Result<(File, u64)> {
    loop {
        let mut file = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        file.file().lock()?;
        if !is_at(&file, path)? {
            // Whoever had the lock has finished it, or thrown it away.
            continue;
        }
        if file.metadata()?.len() > most {
            file.set_len(0)?;
        }
        let there = file.seek(SeekFrom::End(0))?;
        return Ok((file, there));
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs_err::metadata(path) {
        Ok(found) => Ok((held.dev(), held.ino()) == (found.dev(), found.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_all(mut file: File, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<File> {
    while let Some(piece) = pieces.blocking_recv() {
        file.write_all(&piece)?;
    }
    Ok(file)
}

fn hash_all(file: File, there: u64, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    hash_file(file.take(there), &mut hash)?;
    while let Some(piece) = pieces.blocking_recv() {
        hash.update(&piece);
    }
    Ok(Digest::from_bytes(hash.finalize().into()))
}

fn hash_file(mut file: impl Read, hash: &mut Sha256) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            length => hash.update(&buffer[..length]),
        }
    }
}
