//! Beginning an upload, which takes its space.
//!
//! Whoever begins an upload again before anything has come of it gets the same one: the answer may
//! have been lost, and its space must not be taken a second time.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Upload, UploadId, UploadNew, intake::state_of, progress::renew_in};
use crate::{
    Error, Publisher, Registry,
    metadata::{BlobState, Reading, UploadRow, Writing},
};

pub(super) async fn create(publisher: &Publisher, new: UploadNew) -> Result<Upload, Error> {
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
    let owner = publisher.actor.name();
    match insert(registry, &owner, new).await {
        // Some of what is in the way may be stale.
        Err(Error::TooManyUploads { .. } | Error::StagingFull { .. }) => {
            if let Err(error) = registry.reap_uploads().await {
                tracing::warn!(%error, "uploads that are over still take space");
            }
            insert(registry, &owner, new).await
        }
        inserted => inserted,
    }
}

async fn insert(registry: &Registry, owner: &str, new: UploadNew) -> Result<Upload, Error> {
    let there = is_there(registry, new).await?;
    let mut tx = registry.write().await?;
    let complete = is_known(&mut tx, new).await? && there;
    if complete {
        tx.renew_blob(&new.digest, registry.now()).await?;
    } else if let Some(row) = begun_before(registry, &mut tx, owner, new).await? {
        tx.commit().await?;
        return Ok(Upload::from(&row));
    } else {
        check_room(registry, &mut tx, new.length).await?;
    }
    let row = UploadRow {
        id: UploadId(Uuid::new_v4()),
        digest: new.digest,
        length: new.length,
        durable: if complete { new.length } else { 0 },
        hash_state: state_of(&Sha256::new()),
        complete,
        created_at: registry.now(),
        expires_at: registry.upload_expiry(),
        multipart: None,
    };
    tx.insert_upload(&row, owner).await?;
    tx.commit().await?;
    Ok(Upload::from(&row))
}

/// What the same owner has begun and sent nothing for. It lives on.
async fn begun_before(
    registry: &Registry,
    tx: &mut Writing,
    owner: &str,
    UploadNew { length, digest }: UploadNew,
) -> Result<Option<UploadRow>, Error> {
    let begun = tx.untouched_uploads(owner, (&digest, length), registry.now());
    let idle = begun.await?.into_iter();
    let mut idle = idle.filter(|row| !registry.inner.appends.is_running(row.id));
    let Some(mut row) = idle.next() else {
        return Ok(None);
    };
    renew_in(registry, tx, &mut row).await?;
    Ok(Some(row))
}

/// Whether the image is there already: known, and really in the storage. What the storage has lost
/// can be uploaded again. A bucket may be silent for long, so it is asked before the transaction. A
/// blob that was there and is known after that is there: who deletes one takes it off the known ones
/// first.
async fn is_there(registry: &Registry, new: UploadNew) -> Result<bool, Error> {
    let known = is_known(&mut registry.metadata().read().await?, new).await?;
    Ok(known && registry.storage().blob_size(&new.digest).await? == Some(new.length))
}

/// Whether the image is known, and not being deleted.
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

async fn check_room(registry: &Registry, tx: &mut Writing, length: u64) -> Result<(), Error> {
    let limits = registry.options().uploads;
    let open = tx.upload_totals().await?;
    if open.count >= limits.max_open {
        let max = limits.max_open;
        return Err(Error::TooManyUploads { max });
    }
    let free = limits.max_staged_bytes.saturating_sub(open.announced);
    if length > free {
        return Err(Error::StagingFull { free, length });
    }
    Ok(())
}
