//! Creates an upload, which reserves its space.
//!
//! A repeated request of the same owner returns the same upload as long as it has no bytes: the response may
//! have been lost, and the space must not be reserved twice.

use aar_fs::Sha256Hasher;

use super::{Upload, UploadNew, progress::renew_in, quota::Quota};
use crate::{
    Error, Publisher, Registry, UploadId,
    actor::Actor,
    metadata::{BlobState, Reading, UploadRow, Writing},
};

pub(super) async fn create(
    publisher: &Publisher,
    new: UploadNew,
    metadata: &str,
) -> Result<Upload, Error> {
    let registry = &publisher.registry;
    let largest = registry.storage().largest_blob();
    let max = registry.options().uploads.max_staged_bytes.min(largest);
    if new.length == 0 {
        return Err(Error::EmptyUpload);
    }
    if new.length > max {
        let length = new.length;
        return Err(Error::UploadTooLarge { length, max });
    }
    match insert(registry, &publisher.actor, new, metadata).await {
        // Expired uploads may use the space.
        Err(Error::TooManyUploads { .. } | Error::StagingFull { .. } | Error::VolumeFull(_)) => {
            if let Err(error) = registry.reap_uploads().await {
                tracing::warn!(%error, "expired uploads still use space");
            }
            insert(registry, &publisher.actor, new, metadata).await
        }
        inserted => inserted,
    }
}

async fn insert(
    registry: &Registry,
    actor: &Actor,
    new: UploadNew,
    metadata: &str,
) -> Result<Upload, Error> {
    let owner = &actor.name();
    let is_stored = is_stored(registry, new).await?;
    let volume = registry.storage().volume().await?;
    let mut tx = registry.write().await?;
    let complete = is_known(&mut tx, new).await? && is_stored;
    if complete {
        tx.renew_blob(&new.digest, registry.now()).await?;
    } else if let Some(row) = repeated(registry, &mut tx, owner, new, metadata).await? {
        tx.commit().await?;
        return Ok(Upload::from(&row));
    } else {
        let owners = tx.upload_totals_by_owner().await?;
        let limits = registry.options().uploads;
        Quota::new(actor, &owners).check(limits, volume.as_ref(), new.length)?;
    }
    let row = UploadRow {
        id: UploadId::random(),
        digest: new.digest,
        length: new.length,
        durable: if complete { new.length } else { 0 },
        hash_state: Sha256Hasher::new().save(),
        complete,
        metadata: metadata.to_owned(),
        created_at: registry.now(),
        expires_at: registry.upload_expiry(),
        multipart: None,
    };
    tx.insert_upload(&row, owner).await?;
    tx.commit().await?;
    Ok(Upload::from(&row))
}

/// An upload of the same owner and image without any bytes. Its expiry is extended.
async fn repeated(
    registry: &Registry,
    tx: &mut Writing,
    owner: &str,
    UploadNew { length, digest }: UploadNew,
    metadata: &str,
) -> Result<Option<UploadRow>, Error> {
    let begun = tx.untouched_uploads(owner, (&digest, length), metadata, registry.now());
    let idle = begun.await?.into_iter();
    let mut idle = idle.filter(|row| !registry.inner.upload_locks.is_locked(row.id));
    let Some(mut row) = idle.next() else {
        return Ok(None);
    };
    renew_in(registry, tx, &mut row).await?;
    Ok(Some(row))
}

/// Whether the image is known and in the storage. An image that the storage has lost can be uploaded again.
/// The request to the storage precedes the transaction, because a bucket may respond late. A blob that
/// existed then and is known afterwards still exists, because a deletion begins with the row.
async fn is_stored(registry: &Registry, new: UploadNew) -> Result<bool, Error> {
    let known = is_known(&mut registry.metadata().read().await?, new).await?;
    Ok(known && registry.storage().blob_size(&new.digest).await? == Some(new.length))
}

/// Whether the image has a row, and is not being deleted.
async fn is_known(tx: &mut Reading, new: UploadNew) -> Result<bool, Error> {
    let UploadNew { length, digest } = new;
    let blob = tx.blob(&digest).await?;
    let Some(blob) = blob.filter(|blob| blob.state == BlobState::Stored) else {
        return Ok(false);
    };
    if blob.size != length {
        return Err(Error::ImageSizeMismatch {
            digest,
            stored: blob.size,
            given: length,
        });
    }
    Ok(true)
}
