//! Finishes an upload: its staged bytes become a blob.
//!
//! The upload holds the lease of the blob until the blob is recorded, so garbage collection does not delete
//! it in between.

use std::time::Duration;

use aar_types::{Digest, Fingerprint};
use tokio::time::{Instant, sleep};

use super::{Upload, progress::renew_in};
use crate::{
    Error, Publisher, Registry,
    image_check::ArrivingCheck,
    lease::{LeaseHolder, PLACING},
    metadata::{BlobState, UploadRow, Writing},
    mutation::Mutation,
    storage::{Checkpoint, ObjectKey, StagedUpload},
};

/// The time for which to wait for another task that places or deletes the same blob.
const WAIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Compares the digest and places the blob. Can be repeated after an interruption at any step.
pub(super) async fn finish(
    publisher: &Publisher,
    row: UploadRow,
    all: Checkpoint,
    check: Option<ArrivingCheck>,
) -> Result<Upload, Error> {
    let (registry, id) = (&publisher.registry, row.id);
    let (expected, found) = (row.digest, all.hasher.finish());
    if expected != found {
        return Err(refuse(publisher, &row, Error::DigestMismatch { expected, found }).await);
    }
    let fingerprint = checked_fingerprint(row.digest, check).await;
    let mut staged = registry.storage().staged(row.staged_id());
    let holder = LeaseHolder::default();
    let placed = place(registry, &row, &mut *staged, &holder).await?;
    let (blob, recorder) = (ObjectKey::Blob(row.digest), holder.clone());
    let stored = registry
        .mutate(&publisher.actor, move |change| {
            Box::pin(record(change, row, placed, fingerprint, recorder))
        })
        .await?;
    // No progress is recorded for an upload that no longer exists, or that another process has completed.
    registry.end_lease(&blob, &holder).await?;
    let is_left = match placed {
        Placed::Now => false,
        Placed::Before => stored.is_some(),
        Placed::Lost => true,
    };
    if is_left && let Err(error) = staged.abort().await {
        tracing::warn!(%error, %id, "the staged data of an upload is left for garbage collection");
    }
    match stored {
        Some(row) => Ok(Upload::from(&row)),
        None => Err(Error::UploadNotFound { id }),
    }
}

/// The fingerprint of an image that was checked while it arrived. A commit of a version refuses any other image
/// with the reason.
async fn checked_fingerprint(digest: Digest, check: Option<ArrivingCheck>) -> Option<Fingerprint> {
    match check?.finish().await {
        Ok(fingerprint) => Some(fingerprint),
        Err(failure) => {
            tracing::debug!(%digest, ?failure, "the upload is not an image");
            None
        }
    }
}

/// Drops an upload whose content differs from the announced length or digest.
async fn refuse(publisher: &Publisher, row: &UploadRow, mismatch: Error) -> Error {
    let registry = &publisher.registry;
    let digest = row.digest.to_string();
    registry.note_refusal(&publisher.actor, "store-image", &digest, &mismatch);
    if let Err(error) = registry.drop_upload(row.id).await {
        tracing::warn!(%error, id = %row.id, "the staged data of an upload is left for garbage collection");
    }
    mismatch
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    Now,
    /// The blob was stored before.
    Before,
    /// The staged bytes are lost. An object with the key of the blob was not made from them.
    Lost,
}

async fn place(
    registry: &Registry,
    row: &UploadRow,
    staged: &mut dyn StagedUpload,
    holder: &LeaseHolder,
) -> Result<Placed, Error> {
    let claim = claim(registry, row, holder).await?;
    let blob = ObjectKey::Blob(row.digest);
    let placing = async {
        let storage = registry.storage();
        if claim.is_known && storage.blob_size(&row.digest).await? == Some(row.length) {
            return Ok(Placed::Before);
        }
        let is_placed = staged.finish(&claim.parts).await?;
        Ok(if is_placed { Placed::Now } else { Placed::Lost })
    };
    registry
        .under_lease(holder, (&blob, PLACING), placing)
        .await
}

/// The right to place a blob.
struct Claim {
    /// The entity tags of the parts.
    parts: Vec<String>,
    /// Whether the database has the blob as stored.
    is_known: bool,
}

/// Waits for the lease of the blob.
async fn claim(registry: &Registry, row: &UploadRow, holder: &LeaseHolder) -> Result<Claim, Error> {
    let deadline = Instant::now() + WAIT;
    loop {
        let mut tx = registry.write().await?;
        if let Some(claim) = try_to_claim(registry, &mut tx, row, holder).await? {
            tx.commit().await?;
            return Ok(claim);
        }
        drop(tx);
        if Instant::now() >= deadline {
            return Err(Error::UploadLocked { id: row.id });
        }
        sleep(POLL).await;
    }
}

async fn try_to_claim(
    registry: &Registry,
    tx: &mut Writing,
    row: &UploadRow,
    holder: &LeaseHolder,
) -> Result<Option<Claim>, Error> {
    let blob = ObjectKey::Blob(row.digest);
    if !registry.acquire_lease(tx, &blob, holder, PLACING).await? {
        return Ok(None);
    }
    renew_in(registry, tx, &mut row.clone()).await?;
    let blob = tx.blob(&row.digest).await?;
    Ok(Some(Claim {
        parts: tx.part_tags(row.id).await?,
        is_known: blob.is_some_and(|blob| blob.state == BlobState::Stored),
    }))
}

/// Records the blob. `None` if the upload no longer exists.
async fn record(
    change: &mut Mutation,
    mut row: UploadRow,
    placed: Placed,
    fingerprint: Option<Fingerprint>,
    holder: LeaseHolder,
) -> Result<Option<UploadRow>, Error> {
    match change.tx.upload(row.id).await? {
        // Another process has recorded it.
        Some(done) if done.complete => return Ok(Some(done)),
        Some(_) => {}
        None => return Ok(None),
    }
    let (id, digest, size) = (row.id, row.digest, row.length);
    let blob = change.tx.blob(&digest).await?.map(|blob| blob.state);
    let is_lost = match placed {
        Placed::Now => false,
        Placed::Before => blob != Some(BlobState::Stored),
        Placed::Lost => true,
    };
    let key = ObjectKey::Blob(digest).to_string();
    change.tx.release_lease(&key, holder.id()).await?;
    if is_lost {
        change.tx.delete_upload(id).await?;
        let detail = "the staged data of its upload is lost".to_owned();
        change
            .record("lose-image", digest.to_string(), detail)
            .await?;
        return Ok(None);
    }
    row.complete = true;
    row.expires_at = change.registry.upload_expiry();
    change
        .tx
        .store_blob(&digest, size, fingerprint, change.at)
        .await?;
    change.tx.advance_upload(row.durable, &row).await?;
    change
        .record("store-image", digest.to_string(), format!("{size} bytes"))
        .await?;
    Ok(Some(row))
}
