//! The end of an upload: from a staged file to a blob.

use super::{Upload, intake::Taken, progress::renew_in};
use crate::{
    Error, Publisher, Registry,
    metadata::{BlobState, UploadRow},
    mutation::Mutation,
    storage::Gathering,
};

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
        if let Err(error) = registry.drop_upload(id).await {
            tracing::warn!(%error, %id, "what is left of an upload stays for the collection");
        }
        return Err(mismatch);
    }
    let assembly = assemble(registry, &row).await?;
    let (lost, brought) = (assembly == Assembly::Lost, row.clone());
    let stored = registry
        .mutate(&publisher.actor, move |change| {
            Box::pin(store(change, row, lost))
        })
        .await?;
    if stored.is_some() || lost {
        tidy(registry, &brought, assembly).await;
    }
    match stored {
        Some(row) => Ok(Upload::from(&row)),
        None => Err(Error::UploadNotFound { id }),
    }
}

/// What has come of putting parts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Assembly {
    /// It was done.
    Done,
    /// There are no parts, or the blob is there already.
    NotNeeded,
    /// The parts have gone. Whatever lies in the place of the blob was not made of them.
    Lost,
}

/// Puts the parts together, where there are parts. It can take minutes, so it comes before the
/// transaction.
async fn assemble(registry: &Registry, row: &UploadRow) -> Result<Assembly, Error> {
    let storage = registry.storage();
    let (Gathering::InParts(bucket), Some(multipart)) = (storage.gathering(), &row.multipart)
    else {
        return Ok(Assembly::NotNeeded);
    };
    let Some(tags) = claim(registry, row).await? else {
        return Ok(Assembly::NotNeeded);
    };
    let put = bucket.complete_parts(&row.digest, row.length, multipart, &tags);
    Ok(if put.await? {
        Assembly::Done
    } else {
        Assembly::Lost
    })
}

/// Sees to it that no collection deletes what is about to be put in place: one that has marked the
/// blob before finds that mark gone. Gives the parts; `None` when the blob is there already.
async fn claim(registry: &Registry, row: &UploadRow) -> Result<Option<Vec<String>>, Error> {
    let mut tx = registry.write().await?;
    match tx.blob(&row.digest).await?.map(|blob| blob.state) {
        Some(BlobState::Deleting) => tx.delete_blob(&row.digest).await?,
        Some(BlobState::Stored) => tx.renew_blob(&row.digest, registry.now()).await?,
        None => {}
    }
    let known = tx.blob(&row.digest).await?.is_some();
    let tags = tx.part_tags(row.id).await?;
    renew_in(registry, &mut tx, &mut row.clone()).await?;
    tx.commit().await?;
    let there = known && registry.storage().blob_size(&row.digest).await? == Some(row.length);
    Ok((!there).then_some(tags))
}

/// Deletes what the bucket still has of the upload. Garbage collection finds what cannot be
/// deleted now.
async fn tidy(registry: &Registry, row: &UploadRow, assembly: Assembly) {
    let storage = registry.storage();
    let Gathering::InParts(bucket) = storage.gathering() else {
        return;
    };
    let tidied = match assembly {
        Assembly::Done => bucket.delete_rest(row.id).await,
        Assembly::NotNeeded | Assembly::Lost => bucket.discard(row).await,
    };
    if let Err(error) = tidied {
        tracing::warn!(%error, id = %row.id, "what is left of an upload stays for the collection");
    }
}

/// Renames the staged file and takes the blob up. Garbage collection deletes files only while it
/// holds the write transaction, so neither can get between the other's steps; a blob that it had
/// begun to delete is simply stored again.
async fn store(
    change: &mut Mutation,
    mut row: UploadRow,
    lost: bool,
) -> Result<Option<UploadRow>, Error> {
    match change.tx.upload(row.id).await? {
        // Another process has done it.
        Some(done) if done.complete => return Ok(Some(done)),
        Some(_) => {}
        None => return Ok(None),
    }
    let (id, digest, size) = (row.id, row.digest, row.length);
    let registry = change.registry.clone();
    if lost || !registry.storage().keep_staged(id, &digest, size).await? {
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
    change.tx.advance_upload(row.durable, &row).await?;
    change
        .record("store-image", digest.to_string(), format!("{size} bytes"))
        .await?;
    Ok(Some(row))
}
