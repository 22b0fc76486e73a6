//! The threads of a partial file: one writes, the other hashes what is written, in order.
//!
//! Chunks go to the writer, and from it to the hasher. So the end of one thread ends the other: a writer
//! that fails drops the sender of the hasher, and a hasher that fails makes the next send of the writer
//! fail. Nothing waits for a thread whose input is still open.

use std::{
    io::{self, Read, Write},
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

/// How many chunks wait for each thread.
const QUEUE: usize = 4;

pub(super) struct Pipeline {
    to_writer: mpsc::Sender<Bytes>,
    writer: JoinHandle<io::Result<File>>,
    hasher: JoinHandle<io::Result<Digest>>,
    abandoned: Arc<AtomicBool>,
}

/// A thread has ended before its input; [`Pipeline::finish`] returns its error.
pub(super) struct ThreadEnded;

impl Pipeline {
    /// Starts the threads: `file` is appended to, `existing` is its content so far.
    pub(super) fn start(file: File, existing: impl Read + Send + 'static) -> Self {
        let abandoned = Arc::new(AtomicBool::new(false));
        let (to_writer, to_write) = mpsc::channel(QUEUE);
        let (to_hasher, to_hash) = mpsc::channel(QUEUE);
        let existing = UnlessAbandoned(existing, Arc::clone(&abandoned));
        let writer = Writer {
            file,
            to_hasher,
            abandoned: Arc::clone(&abandoned),
        };
        Self {
            to_writer,
            writer: tokio::task::spawn_blocking(move || writer.run(to_write)),
            hasher: tokio::task::spawn_blocking(move || hash(existing, to_hash)),
            abandoned,
        }
    }

    /// Waits for room in the queue. Only then is the chunk taken, so that a caller that is dropped while
    /// it waits has lost nothing.
    pub(super) async fn send(&self, chunk: impl FnOnce() -> Bytes) -> Result<(), ThreadEnded> {
        let room = self.to_writer.reserve().await.map_err(|_| ThreadEnded)?;
        room.send(chunk());
        Ok(())
    }

    /// Waits until everything is written and hashed. The error of the writer comes first: the hasher only
    /// fails by itself when the file cannot be read.
    pub(super) async fn finish(self) -> io::Result<(File, Digest)> {
        drop(self.to_writer);
        let written = self.writer.await?;
        let hashed = self.hasher.await?;
        match (written, hashed) {
            (Ok(file), Ok(digest)) => Ok((file, digest)),
            (Err(error), Ok(_)) | (_, Err(error)) => Err(error),
        }
    }

    /// Waits until everything is written. The digest is not needed any more.
    pub(super) async fn close(self) -> io::Result<File> {
        self.abandoned.store(true, Ordering::Relaxed);
        drop(self.to_writer);
        self.writer.await?
    }
}

struct Writer {
    file: File,
    to_hasher: mpsc::Sender<Bytes>,
    abandoned: Arc<AtomicBool>,
}

impl Writer {
    fn run(mut self, mut chunks: mpsc::Receiver<Bytes>) -> io::Result<File> {
        while let Some(chunk) = chunks.blocking_recv() {
            self.file.write_all(&chunk)?;
            let hasher_ended = self.to_hasher.blocking_send(chunk).is_err();
            if hasher_ended && !self.abandoned.load(Ordering::Relaxed) {
                return Err(io::Error::other("the hashing thread has ended"));
            }
        }
        Ok(self.file)
    }
}

fn hash(existing: impl Read, mut chunks: mpsc::Receiver<Bytes>) -> io::Result<Digest> {
    let mut hasher = Sha256Hasher::new();
    aar_fs::hash_reader(existing, &mut hasher)?;
    while let Some(chunk) = chunks.blocking_recv() {
        hasher.update(&chunk);
    }
    Ok(hasher.finish())
}

/// Fails as soon as the digest is not needed any more, since hashing what exists may take long.
struct UnlessAbandoned<R>(R, Arc<AtomicBool>);

impl<R: Read> Read for UnlessAbandoned<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.load(Ordering::Relaxed) {
            return Err(io::Error::other("the download has ended"));
        }
        self.0.read(buffer)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed step fails the test")]
mod tests {
    use super::*;

    fn full() -> File {
        fs_err::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    }

    struct Unreadable;

    impl Read for Unreadable {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unreadable"))
        }
    }

    /// Sends until a thread has ended.
    async fn fill(pipeline: &Pipeline) {
        let chunk = || Bytes::from_static(&[7; 4096]);
        while pipeline.send(chunk).await.is_ok() {}
    }

    #[tokio::test]
    async fn failed_writer_ends_the_hasher_with_the_error_of_the_writer() {
        let pipeline = Pipeline::start(full(), io::empty());
        fill(&pipeline).await;
        let error = pipeline.finish().await.unwrap_err();
        assert!(aar_fs::is_storage_full(&error), "{error}");
    }

    #[tokio::test]
    async fn failed_hasher_ends_the_writer_with_the_error_of_the_hasher() {
        let file = File::from_parts(tempfile::tempfile().unwrap(), "partial");
        let pipeline = Pipeline::start(file, Unreadable);
        fill(&pipeline).await;
        let error = pipeline.finish().await.unwrap_err();
        assert_eq!(error.to_string(), "unreadable");
    }

    #[tokio::test]
    async fn closing_writes_what_is_queued_without_hashing_what_exists() {
        let file = tempfile::tempfile().unwrap();
        let pipeline = Pipeline::start(
            File::from_parts(file, "partial"),
            io::repeat(0), // never ends
        );
        pipeline.send(|| Bytes::from_static(b"12345")).await.ok();
        let file = pipeline.close().await.unwrap();
        assert_eq!(file.metadata().unwrap().len(), 5);
    }
}
