//! The fingerprint of a stored image.
//!
//! An image is checked once: while its upload arrives, or else from storage before the first version with it
//! is committed. Its fingerprint is recorded with the blob.

use aar_types::{Digest, Fingerprint, ImageInfo};
use futures_util::TryStreamExt;

use crate::{
    Error, Registry,
    image_check::{CheckFailure, ImageCheck},
};

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
        let _permit = self.inner.image_checks.acquire_reading().await;
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
