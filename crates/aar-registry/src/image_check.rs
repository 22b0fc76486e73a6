//! Checks images by the rules by which they are made, and computes their fingerprints.
//!
//! An image is checked once: while its upload arrives, or else from storage before the first version with it
//! is committed. Its fingerprint is recorded with the blob.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aar_package::{ImageChecker, Limits};
use aar_types::{Digest, Fingerprint, ImageInfo};
use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinHandle, spawn_blocking},
};

use crate::{Error, Registry, UploadId, tasks::stopped};

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
        let known = known.map(|index| waiting.swap_remove(index).1);
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
struct ImageCheck(JoinHandle<Checked>);

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
    fn begin(size: u64) -> Self {
        Self(spawn_blocking(move || {
            ImageChecker::new(size, &Limits::DEFAULT)
        }))
    }

    async fn push(&mut self, piece: Bytes) -> Result<(), CheckFailure> {
        let mut checker = self.checker().await?;
        self.0 = spawn_blocking(move || checker.push(&piece).map(|()| checker));
        Ok(())
    }

    async fn finish(mut self) -> Result<Fingerprint, CheckFailure> {
        let checker = self.checker().await?;
        let checked = spawn_blocking(move || checker.finish()).await;
        let image = checked.map_err(stopped)?.map_err(CheckFailure::Refused)?;
        Ok(image.fingerprint)
    }

    async fn checker(&mut self) -> Result<ImageChecker<'static>, CheckFailure> {
        let checked = (&mut self.0).await.map_err(stopped)?;
        checked.map_err(CheckFailure::Refused)
    }
}

impl Registry {
    /// Compares the declared fingerprint of a stored image with its content.
    pub(crate) async fn check_fingerprint(&self, image: &ImageInfo) -> Result<(), Error> {
        let (digest, given) = (image.digest, image.fingerprint);
        let stored = self.fingerprint(image).await?;
        if stored == given {
            return Ok(());
        }
        Err(Error::FingerprintMismatch {
            digest,
            stored,
            given,
        })
    }

    async fn fingerprint(&self, image: &ImageInfo) -> Result<Fingerprint, Error> {
        if let Some(known) = self.known_fingerprint(&image.digest).await? {
            return Ok(known);
        }
        let _permit = self.inner.image_checks.reading.acquire().await;
        // Another request may have read it in the meantime.
        if let Some(known) = self.known_fingerprint(&image.digest).await? {
            return Ok(known);
        }
        let fingerprint = self.read_fingerprint(image).await?;
        let mut tx = self.write().await?;
        tx.set_blob_fingerprint(&image.digest, fingerprint).await?;
        tx.commit().await?;
        Ok(fingerprint)
    }

    async fn known_fingerprint(&self, digest: &Digest) -> Result<Option<Fingerprint>, Error> {
        let mut tx = self.metadata().read().await?;
        Ok(tx.blob(digest).await?.and_then(|blob| blob.fingerprint))
    }

    async fn read_fingerprint(&self, image: &ImageInfo) -> Result<Fingerprint, Error> {
        let digest = image.digest;
        let reason = match self.check_stored_image(image).await {
            Ok(fingerprint) => return Ok(fingerprint),
            Err(CheckFailure::Failed(error)) => return Err(error),
            Err(CheckFailure::Refused(reason)) => reason,
        };
        // Damage in storage is not the fault of the publisher.
        match self.storage().hash_blob(&digest).await? {
            Some((_, found)) if found == digest => Err(Error::ImageRefused { digest, reason }),
            _ => Err(Error::ImageDamaged { digest }),
        }
    }

    async fn check_stored_image(&self, image: &ImageInfo) -> Result<Fingerprint, CheckFailure> {
        let digest = image.digest;
        let stored = self.storage().read_blob(&digest).await?;
        let mut pieces = stored.ok_or(Error::ImageNotStored { digest })?;
        let mut check = ImageCheck::begin(image.size);
        while let Some(piece) = pieces.try_next().await? {
            check.push(piece).await?;
        }
        check.finish().await
    }
}
