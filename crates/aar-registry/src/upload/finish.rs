//! The end of an upload: what is staged becomes a blob.
//!
//! Garbage collection marks a blob before it deletes it, and spares what an open upload will store. So an
//! upload first removes such a mark, then places the blob, then records it.

use super::{Upload, progress::renew_in};
use crate::{
    Error, Publisher, Registry,
    metadata::{BlobState, UploadRow},
    mutation::Mutation,
    storage::{Checkpoint, StagedUpload},
};

/// Compares the digest and places the blob. Can be repeated after an interruption at any step.
pub(super) async fn finish(
    publisher: &Publisher,
    row: UploadRow,
    all: Checkpoint,
) -> Result<Upload, Error> {
    let (registry, id) = (&publisher.registry, row.id);
    let (expected, found) = (row.digest, all.hasher.finish());
    if expected != found {
        return Err(refuse(publisher, &row, Error::DigestMismatch { expected, found }).await);
    }
    let mut staged = registry.storage().staged(row.staged_id());
    let placed = place(registry, &row, &mut *staged).await?;
    let stored = registry
        .mutate(&publisher.actor, move |change| {
            Box::pin(record(change, row, placed))
        })
        .await?;
    let is_left = match placed {
        Placed::Now => false,
        Placed::Before => stored.is_some(),
        Placed::Lost => true,
    };
    if is_left && let Err(error) = staged.abort().await {
        tracing::warn!(%error, %id, "what an upload has staged is left for garbage collection");
    }
    match stored {
        Some(row) => Ok(Upload::from(&row)),
        None => Err(Error::UploadNotFound { id }),
    }
}

/// Drops an upload whose content is not what was announced.
async fn refuse(publisher: &Publisher, row: &UploadRow, mismatch: Error) -> Error {
    let registry = &publisher.registry;
    let digest = row.digest.to_string();
    registry.note_refusal(&publisher.actor, "store-image", &digest, &mismatch);
    if let Err(error) = registry.drop_upload(row.id).await {
        tracing::warn!(%error, id = %row.id, "what an upload has staged is left for garbage collection");
    }
    mismatch
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    Now,
    /// The blob was stored before.
    Before,
    /// What was staged is lost. An object in the place of the blob was not made of it.
    Lost,
}

async fn place(
    registry: &Registry,
    row: &UploadRow,
    staged: &mut dyn StagedUpload,
) -> Result<Placed, Error> {
    match claim(registry, row).await? {
        None => Ok(Placed::Before),
        Some(parts) if staged.finish(&parts).await? => Ok(Placed::Now),
        Some(_) => Ok(Placed::Lost),
    }
}

/// Keeps garbage collection from deleting the blob. Returns the tags of the parts; `None` if the blob is
/// stored already.
async fn claim(registry: &Registry, row: &UploadRow) -> Result<Option<Vec<String>>, Error> {
    let mut tx = registry.write().await?;
    let blob = tx.blob(&row.digest).await?.map(|blob| blob.state);
    match blob {
        Some(BlobState::Deleting) => tx.delete_blob(&row.digest).await?,
        Some(BlobState::Stored) => tx.renew_blob(&row.digest, registry.now()).await?,
        None => {}
    }
    let parts = tx.part_tags(row.id).await?;
    renew_in(registry, &mut tx, &mut row.clone()).await?;
    tx.commit().await?;
    let is_known = blob == Some(BlobState::Stored);
    let is_stored =
        is_known && registry.storage().blob_size(&row.digest).await? == Some(row.length);
    Ok((!is_stored).then_some(parts))
}

/// Records the blob. `None` if the upload is gone.
async fn record(
    change: &mut Mutation,
    mut row: UploadRow,
    placed: Placed,
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
    if is_lost {
        change.tx.delete_upload(id).await?;
        let detail = "what its upload had staged is lost".to_owned();
        change
            .record("lose-image", digest.to_string(), detail)
            .await?;
        return Ok(None);
    }
    row.complete = true;
    row.expires_at = change.registry.upload_expiry();
    change.tx.store_blob(&digest, size, change.at).await?;
    change.tx.advance_upload(row.durable, &row).await?;
    change
        .record("store-image", digest.to_string(), format!("{size} bytes"))
        .await?;
    Ok(Some(row))
}
