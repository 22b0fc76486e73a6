//! The threads of a partial file: one writes, the other hashes in order what is written.
//!
//! Chunks go to the writer, and from it to the hasher. So the end of one thread ends the other: a writer
//! that fails drops the sender of the hasher, and a hasher that fails makes the next send of the writer
//! fail. Nothing waits for a thread whose input is still open.

use std::{
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use aar_fs::Sha256Hasher;
use aar_types::Digest;
use bytes::Bytes;
use fs_err::File;
use tokio::{sync::mpsc, task::JoinHandle};

use super::content_file::ContentFile;

/// How many chunks wait for each thread.
const QUEUE: usize = 4;

pub(super) struct Pipeline {
    to_writer: mpsc::Sender<Chunk>,
    writer: JoinHandle<io::Result<ContentFile>>,
    hasher: JoinHandle<io::Result<Digest>>,
    abandoned: Arc<AtomicBool>,
}

/// Received bytes and their place.
pub(super) struct Chunk {
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
}

/// The bytes after those that are hashed: in memory, or in the file.
enum ToHash {
    Bytes(Bytes),
    Stored(Range<u64>),
}

/// A thread has ended before its input; [`Pipeline::finish`] returns its error.
#[derive(Debug)]
pub(super) struct ThreadEnded;

impl Pipeline {
    /// Starts the threads: one writes to `file`, the other reads what is there from `stored`.
    pub(super) fn start(file: ContentFile, stored: File) -> Self {
        let abandoned = Arc::new(AtomicBool::new(false));
        let (to_writer, to_write) = mpsc::channel(QUEUE);
        let (to_hasher, to_hash) = mpsc::channel(QUEUE);
        let stored = UnlessAbandoned(stored, Arc::clone(&abandoned));
        let present = file.prefix();
        let writer = Writer {
            file,
            to_hasher,
            abandoned: Arc::clone(&abandoned),
        };
        Self {
            to_writer,
            writer: tokio::task::spawn_blocking(move || writer.run(to_write)),
            hasher: tokio::task::spawn_blocking(move || hash(stored, present, to_hash)),
            abandoned,
        }
    }

    /// Waits for room in the queue. Only then is the chunk taken, so that a caller that is dropped while
    /// it waits has lost nothing.
    pub(super) async fn send(
        &self,
        chunk: impl FnOnce() -> Option<Chunk>,
    ) -> Result<(), ThreadEnded> {
        let room = self.to_writer.reserve().await.map_err(|_| ThreadEnded)?;
        if let Some(chunk) = chunk() {
            room.send(chunk);
        }
        Ok(())
    }

    /// Waits until everything is written and hashed. The error of the writer comes first: the hasher only
    /// fails by itself when the file cannot be read.
    pub(super) async fn finish(self) -> io::Result<(File, Digest)> {
        drop(self.to_writer);
        let written = self.writer.await?;
        let hashed = self.hasher.await?;
        match (written, hashed) {
            (Ok(file), Ok(digest)) => Ok((file.close()?, digest)),
            (Err(error), Ok(_)) | (_, Err(error)) => Err(error),
        }
    }

    /// Waits until everything is written. The digest is not needed any more.
    pub(super) async fn close(self) -> io::Result<File> {
        self.abandoned.store(true, Ordering::Relaxed);
        drop(self.to_writer);
        self.writer.await??.close()
    }
}

struct Writer {
    file: ContentFile,
    to_hasher: mpsc::Sender<ToHash>,
    abandoned: Arc<AtomicBool>,
}

impl Writer {
    fn run(mut self, mut chunks: mpsc::Receiver<Chunk>) -> io::Result<ContentFile> {
        while let Some(Chunk { offset, bytes }) = chunks.blocking_recv() {
            let prefix = self.file.prefix();
            let end = offset + bytes.len() as u64;
            self.file.write(offset, &bytes)?;
            if offset == prefix {
                self.hash(ToHash::Bytes(bytes))?;
                if self.file.prefix() > end {
                    self.hash(ToHash::Stored(end..self.file.prefix()))?;
                }
            }
        }
        Ok(self.file)
    }

    fn hash(&self, next: ToHash) -> io::Result<()> {
        let ended = self.to_hasher.blocking_send(next).is_err();
        if ended && !self.abandoned.load(Ordering::Relaxed) {
            return Err(io::Error::other("the hashing thread has ended"));
        }
        Ok(())
    }
}

fn hash(
    mut stored: UnlessAbandoned,
    present: u64,
    mut next: mpsc::Receiver<ToHash>,
) -> io::Result<Digest> {
    let mut hasher = Sha256Hasher::new();
    stored.hash(0..present, &mut hasher)?;
    while let Some(next) = next.blocking_recv() {
        match next {
            ToHash::Bytes(bytes) => hasher.update(&bytes),
            ToHash::Stored(range) => stored.hash(range, &mut hasher)?,
        }
    }
    Ok(hasher.finish())
}

/// Fails as soon as the digest is not needed any more, since hashing what exists may take long.
struct UnlessAbandoned(File, Arc<AtomicBool>);

impl UnlessAbandoned {
    fn hash(&mut self, range: Range<u64>, hasher: &mut Sha256Hasher) -> io::Result<()> {
        let length = range.end - range.start;
        self.0.seek(SeekFrom::Start(range.start))?;
        match aar_fs::hash_reader(self.take(length), hasher)? {
            read if read == length => Ok(()),
            _ => Err(io::Error::other(
                "the partial file was changed by another program",
            )),
        }
    }
}

impl Read for UnlessAbandoned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.load(Ordering::Relaxed) {
            return Err(io::Error::other("the download has ended"));
        }
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &str) -> File {
        File::open(path).unwrap()
    }

    fn temporary() -> File {
        File::from_parts(tempfile::tempfile().unwrap(), "partial")
    }

    fn chunk(offset: u64, bytes: &'static [u8]) -> impl FnOnce() -> Option<Chunk> {
        let bytes = Bytes::from_static(bytes);
        move || Some(Chunk { offset, bytes })
    }

    /// Sends until a thread has ended.
    async fn fill(pipeline: &Pipeline) {
        let mut offset = 0;
        while pipeline.send(chunk(offset, &[7; 4096])).await.is_ok() {
            offset += 4096;
        }
    }

    #[tokio::test]
    async fn failed_writer_ends_the_hasher_with_the_error_of_the_writer() {
        let full = fs_err::OpenOptions::new().write(true).open("/dev/full");
        let file = ContentFile::open(full.unwrap(), u64::MAX).unwrap();
        let pipeline = Pipeline::start(file, open("/dev/null"));
        fill(&pipeline).await;
        let error = pipeline.finish().await.unwrap_err();
        assert!(aar_fs::is_storage_full(&error), "{error}");
    }

    #[tokio::test]
    async fn failed_hasher_ends_the_writer_with_the_error_of_the_hasher() {
        let file = temporary();
        file.set_len(1).unwrap();
        let file = ContentFile::open(file, u64::MAX).unwrap();
        let pipeline = Pipeline::start(file, open("/"));
        fill(&pipeline).await;
        let error = pipeline.finish().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory, "{error}");
    }

    #[tokio::test]
    async fn closing_writes_what_is_queued_without_hashing_what_exists() {
        let file = temporary();
        let endless = 1 << 62;
        file.set_len(endless.min(1 << 40)).unwrap();
        let file = ContentFile::open(file, endless).unwrap();
        let at = file.prefix();
        let pipeline = Pipeline::start(file, open("/dev/zero"));
        pipeline.send(chunk(at, b"12345")).await.unwrap();
        let file = pipeline.close().await.unwrap();
        assert_eq!(file.metadata().unwrap().len(), at + 5);
    }

    #[tokio::test]
    async fn chunks_in_any_order_are_hashed_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("partial");
        let writable = fs_err::OpenOptions::new()
            .create_new(true)
            .read(true)
            .write(true)
            .open(&path);
        let file = ContentFile::open(writable.unwrap(), 9).unwrap();
        let pipeline = Pipeline::start(file, File::open(&path).unwrap());
        for (offset, bytes) in [(3, b"def"), (6, b"ghi"), (0, b"abc")] {
            pipeline.send(chunk(offset, bytes)).await.unwrap();
        }
        let (file, digest) = pipeline.finish().await.unwrap();
        assert_eq!(digest, aar_fs::digest_of(b"abcdefghi"));
        assert_eq!(file.metadata().unwrap().len(), 9);
    }
}
