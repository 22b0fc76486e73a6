//! The end of an upload: from a staged file to a blob.

use super::{Upload, intake::Taken};
use crate::{Error, Publisher, metadata::UploadRow, mutation::Mutation};

/// Compares the digest and puts the image in its place. It can be done again when it was cut short
/// at any step.
pub(super) async fn finish(
    publisher: &Publisher,
    row: UploadRow,
    taken: Taken,
) -> Result<Upload, Error> {
    let (registry, id) = (&publisher.registry, row.id);
    let (expected, found) = (row.digest, taken.digest());
    if expected != found {
        let mismatch = Error::DigestMismatch { expected, found };
        registry.note_refusal(
            &publisher.actor,
            "store-image",
            &expected.to_string(),
            &mismatch,
        );
        registry.drop_upload(id).await?;
        return Err(mismatch);
    }
    let stored = registry
        .mutate(&publisher.actor, |change| Box::pin(store(change, row)))
        .await?;
    match stored {
        Some(row) => Ok(Upload::from(&row)),
        None => Err(Error::UploadNotFound { id }),
    }
}

/// Renames the staged file and takes the blob up. Garbage collection deletes files only while it
/// holds the write transaction, so neither can get between the other's steps; a blob that it had
/// begun to delete is simply stored again.
async fn store(change: &mut Mutation, mut row: UploadRow) -> Result<Option<UploadRow>, Error> {
    if change.tx.upload(row.id).await?.is_none() {
        return Ok(None);
    }
    let (id, digest, size) = (row.id, row.digest, row.length);
    let registry = change.registry.clone();
    if !registry.blobs().keep_staged(id, &digest, size).await? {
        change.tx.delete_upload(id).await?;
        let detail = "what was staged of its upload has gone".to_owned();
        change
            .record("lose-image", digest.to_string(), detail)
            .await?;
        return Ok(None);
    }
    row.complete = true;
    row.expires_at = registry.upload_expiry();
    change.tx.store_blob(&digest, size, change.at).await?;
    change.tx.advance_upload(&row).await?;
    change
        .record("store-image", digest.to_string(), format!("{size} bytes"))
        .await?;
    Ok(Some(row))
}
