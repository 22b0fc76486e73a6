//! The partial file of a download.

use std::{
    fs::TryLockError,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aar_fs::Sha256Hasher;
use aar_http::HeaderValue;
use aar_types::Digest;
use fs_err::File;

use super::{
    content_file::ContentFile,
    pipeline::{Pipeline, ThreadEnded},
    ranges::{Appended, Claim, Ranges},
};
use crate::Error;

/// How often a locked file is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A partial file. It is locked: a download that follows a cancelled one waits until the first has
/// written what it received. Several streams write to it.
pub(super) struct PartialFile {
    path: PathBuf,
    ranges: Mutex<Ranges>,
    silence: Duration,
    tag: Mutex<Tag>,
    pipeline: Pipeline,
}

/// The entity tag of the content in the storage.
#[derive(Default)]
struct Tag {
    /// If this process received content.
    known: Option<HeaderValue>,
    /// Whether the storage ignored its own tag before; then the tag is not used again.
    failed: bool,
}

impl PartialFile {
    /// Opens the file, with the content of an earlier attempt. A file that is longer than the image
    /// is emptied. Waits as long as another download holds the file. A stream that is silent for some
    /// time is replaced.
    pub(super) async fn open(
        path: &Path,
        image_size: u64,
        silence: Duration,
    ) -> Result<Self, Error> {
        let file = loop {
            match blocking(path, move |path| open_locked(path, image_size)).await? {
                Some(opened) => break opened,
                None => tokio::time::sleep(LOCK_PAUSE).await,
            }
        };
        let stored = blocking(path, |path| File::open(path)).await?;
        Ok(Self {
            path: path.to_owned(),
            ranges: Mutex::new(Ranges::new(image_size, file.extents(), silence)),
            silence,
            tag: Mutex::default(),
            pipeline: Pipeline::start(file, stored),
        })
    }

    fn ranges(&self) -> MutexGuard<'_, Ranges> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tag(&self) -> MutexGuard<'_, Tag> {
        self.tag.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn received(&self) -> u64 {
        self.ranges().received()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.ranges().is_complete()
    }

    /// The range for the next request of one of several streams.
    pub(super) fn claim(&self, streams: usize) -> Option<Claim> {
        self.ranges().claim(streams)
    }

    /// Gives back the ranges that no other stream can request after all.
    pub(super) fn rejoin(&self) {
        self.ranges().rejoin();
    }

    pub(super) fn is_received(&self, claim: &Claim) -> bool {
        self.ranges().is_received(claim.id)
    }

    pub(super) async fn append(
        &self,
        claim: &Claim,
        bytes: &[u8],
    ) -> Result<Appended, ThreadEnded> {
        let appended = self.ranges().append(claim.id, bytes);
        if appended == Appended::ChunkFull {
            self.flush(claim.id).await?;
        }
        Ok(appended)
    }

    async fn flush(&self, id: u64) -> Result<(), ThreadEnded> {
        let send = self.pipeline.send(|| self.ranges().take_chunk(id));
        send.await
    }

    /// Ends a claim. What it has not received can be claimed again.
    pub(super) async fn release(&self, id: u64) -> Result<(), ThreadEnded> {
        self.flush(id).await?;
        self.ranges().release(id);
        Ok(())
    }

    /// Ends the claims of streams that were dropped.
    pub(super) async fn release_all(&self) -> Result<(), ThreadEnded> {
        let claims = self.ranges().claims();
        for id in claims {
            self.release(id).await?;
        }
        Ok(())
    }

    /// Returns the digest of the complete file, and the file, still locked. After a failure, returns its
    /// reason.
    pub(super) async fn finish(self) -> Result<(Digest, File), Error> {
        // If it fails, the pipeline returns the reason.
        let _ = self.release_all().await;
        let finished = self.pipeline.finish().await;
        let (file, digest) = finished.map_err(|error| file_error(&self.path, error))?;
        Ok((digest, file))
    }

    /// Ends an incomplete download and keeps the received bytes for the next attempt.
    pub(super) async fn keep(self) -> Result<(), Error> {
        if self.received() == 0 {
            return self.discard().await;
        }
        let _ = self.release_all().await;
        let closed = self.pipeline.close().await;
        closed
            .map(drop)
            .map_err(|error| file_error(&self.path, error))
    }

    /// Discards the received bytes and starts again.
    pub(super) async fn restart(self, image_size: u64) -> Result<Self, Error> {
        let (path, silence) = (self.path.clone(), self.silence);
        let failed = self.tag().failed || self.tag().known.is_some();
        self.discard().await?;
        let restarted = Self::open(&path, image_size, silence).await?;
        restarted.tag().failed = failed;
        Ok(restarted)
    }

    pub(super) fn set_tag(&self, tag: Option<HeaderValue>) {
        self.tag().known = tag;
    }

    /// The tag that the remaining content must have, if it is known.
    pub(super) fn expected_tag(&self) -> Option<HeaderValue> {
        let tag = self.tag();
        tag.known.clone().filter(|_| !tag.failed)
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

/// Opens and locks the file. `None` if another download holds it, or has just finished or discarded it.
fn open_locked(path: &Path, image_size: u64) -> io::Result<Option<ContentFile>> {
    let file = fs_err::OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    match file.file().try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        locked => locked?,
    }
    if !is_at(&file, path)? {
        return Ok(None);
    }
    ContentFile::open(file, image_size).map(Some)
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    let found = aar_fs::if_exists(fs_err::metadata(path))?;
    Ok(found.is_some_and(|found| (opened.dev(), opened.ino()) == (found.dev(), found.ino())))
}
