//! Checks images by the rules by which they are made, and computes their fingerprints.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aar_package::{ImageChecker, Limits};
use aar_types::Fingerprint;
use bytes::Bytes;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    task::{JoinHandle, spawn_blocking},
};

use crate::{Error, UploadId, tasks::stopped};

/// The number of images that are checked while they arrive. Each check takes the memory of a decompressor.
const ARRIVING: usize = 8;
/// The number of images that are read from storage at once.
const READING: usize = 2;

/// The checks of a registry.
#[derive(Debug)]
pub(crate) struct ImageChecks {
    arriving: Arc<Semaphore>,
    reading: Semaphore,
    /// The checks of uploads between two requests.
    waiting: Mutex<Vec<(UploadId, ArrivingCheck)>>,
}

impl Default for ImageChecks {
    fn default() -> Self {
        Self {
            arriving: Arc::new(Semaphore::new(ARRIVING)),
            reading: Semaphore::new(READING),
            waiting: Mutex::default(),
        }
    }
}

impl ImageChecks {
    /// The check of an upload that continues at this offset. `None` if earlier bytes were not checked, or
    /// too many checks are running: the image is read from storage later.
    pub(crate) fn resume(&self, id: UploadId, offset: u64, length: u64) -> Option<ArrivingCheck> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let known = waiting.iter().position(|(other, _)| *other == id);
        let known = known.map(|index| waiting.remove(index).1);
        if offset > 0 {
            return known.filter(|check| check.offset == offset);
        }
        drop(known);
        if self.arriving.available_permits() == 0 && !waiting.is_empty() {
            // The check that has waited longest belongs to the slowest publisher.
            waiting.remove(0);
        }
        let permit = Arc::clone(&self.arriving).try_acquire_owned().ok()?;
        Some(ArrivingCheck {
            check: ImageCheck::begin(length),
            offset: 0,
            _permit: permit,
        })
    }

    /// Waits until another image may be read from storage.
    pub(crate) async fn acquire_reading(&self) -> Option<SemaphorePermit<'_>> {
        self.reading.acquire().await.ok()
    }

    /// Keeps the check for the next request of the upload.
    pub(crate) fn keep(&self, id: UploadId, check: ArrivingCheck) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((id, check));
    }
}

/// The check of an upload.
#[derive(Debug)]
pub(crate) struct ArrivingCheck {
    check: ImageCheck,
    /// The number of checked bytes.
    offset: u64,
    _permit: OwnedSemaphorePermit,
}

impl ArrivingCheck {
    /// Starts to check the next bytes after the previous ones are checked.
    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), CheckFailure> {
        self.offset += piece.len() as u64;
        self.check.push(piece).await
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) async fn finish(self) -> Result<Fingerprint, CheckFailure> {
        self.check.finish().await
    }
}

type Checked = Result<ImageChecker<'static>, aar_package::Error>;

/// Checks one piece on another thread while the caller fetches the next.
pub(crate) struct ImageCheck(JoinHandle<Checked>);

impl fmt::Debug for ImageCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImageCheck")
    }
}

/// The reason why an image has no fingerprint.
#[derive(Debug)]
pub(crate) enum CheckFailure {
    Refused(aar_package::Error),
    Failed(Error),
}

impl From<Error> for CheckFailure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl ImageCheck {
    /// Starts the check of an image with this many stored bytes.
    pub(crate) fn begin(size: u64) -> Self {
        Self(spawn_blocking(move || {
            ImageChecker::new(size, &Limits::DEFAULT)
        }))
    }

    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), CheckFailure> {
        let mut checker = self.checker().await?;
        self.0 = spawn_blocking(move || checker.push(&piece).map(|()| checker));
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> Result<Fingerprint, CheckFailure> {
        let checker = self.checker().await?;
        let finished = spawn_blocking(move || checker.finish()).await;
        let image = finished.map_err(stopped)?.map_err(CheckFailure::Refused)?;
        Ok(image.fingerprint)
    }

    async fn checker(&mut self) -> Result<ImageChecker<'static>, CheckFailure> {
        let checked = (&mut self.0).await.map_err(stopped)?;
        checked.map_err(CheckFailure::Refused)
    }
}
