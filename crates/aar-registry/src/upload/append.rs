//! Continuing an upload.

use std::sync::Arc;

use super::{
    Upload, UploadId,
    finish::finish,
    in_file::InFile,
    in_parts::InParts,
    intake::Taken,
    progress::{is_due, renew},
    running::Turn,
    source::{Pause, Source},
};
use crate::{
    BucketProblem, Error, Publisher, Registry,
    metadata::UploadRow,
    storage::{Gathering, S3Storage, Staged},
};

pub(super) async fn append(
    publisher: &Publisher,
    id: UploadId,
    offset: u64,
    mut body: Source,
) -> Result<Upload, Error> {
    let registry = &publisher.registry;
    let turn = registry.inner.appends.take(id).await?;
    let row = begin(registry, id, offset).await?;
    if row.complete {
        return Ok(Upload::from(&row));
    }
    let Some(taken) = Taken::resume(row.durable, &row.hash_state) else {
        return lost(registry, id).await;
    };
    if row.durable == row.length {
        return finish(publisher, row, taken).await;
    }
    let storage = registry.storage();
    let taken = match storage.gathering() {
        Gathering::InFile(folder) => match folder.stage(id, offset).await? {
            Some(staged) => in_file(registry, staged, row, taken, &mut body, &turn).await,
            None => return lost(registry, id).await,
        },
        Gathering::InParts(bucket) => {
            in_parts(registry, bucket, row, taken, &mut body, &turn).await
        }
    };
    let (row, pause) = match taken {
        // Its parts were given up behind the back of the registry.
        Err(Error::Bucket(BucketProblem::NoParts { .. })) => return lost(registry, id).await,
        taken => taken?,
    };
    if row.durable == row.length {
        let Some(taken) = Taken::resume(row.durable, &row.hash_state) else {
            return lost(registry, id).await;
        };
        return finish(publisher, row, taken).await;
    }
    match pause {
        Pause::Full | Pause::End => Ok(Upload::from(&row)),
        Pause::Superseded => Err(Error::UploadLocked { id }),
        Pause::Broken(source) => Err(Error::UploadInterrupted {
            id,
            offset: row.durable,
            source,
        }),
    }
}

/// Finds the upload, checks the offset, and lets the upload live on while it is being continued.
async fn begin(registry: &Registry, id: UploadId, offset: u64) -> Result<UploadRow, Error> {
    let Some(mut row) = registry.open_upload(id).await? else {
        return Err(Error::UploadNotFound { id });
    };
    if row.durable != offset {
        return Err(Error::UploadOffset {
            id,
            expected: row.durable,
            given: offset,
        });
    }
    if !row.complete && is_due(registry, &row) {
        renew(registry, &mut row).await?;
    }
    Ok(row)
}

/// What the row says is there has gone. The upload has to begin anew.
async fn lost(registry: &Registry, id: UploadId) -> Result<Upload, Error> {
    if let Some(done) = registry.open_upload(id).await?.filter(|row| row.complete) {
        // Another process has put it in its place.
        return Ok(Upload::from(&done));
    }
    tracing::warn!(%id, "what was staged of an upload has gone; it is given up");
    registry.drop_upload(id).await?;
    Err(Error::UploadNotFound { id })
}

/// Takes the body into a file. Gives how far it came and why it went no further.
async fn in_file(
    registry: &Registry,
    staged: Staged,
    row: UploadRow,
    taken: Taken,
    body: &mut Source,
    turn: &Turn,
) -> Result<(UploadRow, Pause), Error> {
    let mut append = InFile::begin(registry, staged, row, taken);
    let read = append.take_in(body, turn).await;
    let kept = append.keep().await;
    let pause = read?;
    kept?;
    Ok((append.into_row(), pause))
}

/// Takes the body into parts of a blob.
async fn in_parts(
    registry: &Registry,
    bucket: &Arc<S3Storage>,
    row: UploadRow,
    taken: Taken,
    body: &mut Source,
    turn: &Turn,
) -> Result<(UploadRow, Pause), Error> {
    let mut append = InParts::begin(registry, bucket, row, taken).await?;
    let read = append.take_in(body, turn).await;
    let kept = append.keep().await;
    let pause = read?;
    kept?;
    Ok((append.into_row(), pause))
}
