//! Continuing an upload.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::{
    Upload, UploadId,
    finish::finish,
    in_parts::InParts,
    intake::{Intake, Taken},
    running::Turn,
    source::{Pause, Source},
};
use crate::{
    BucketProblem, Error, Publisher, Registry,
    blobs::{Gathering, S3Blobs, Staged},
    metadata::{UploadRow, Writing},
    tasks::{blocking, stopped},
};

/// How much may be lost when the machine fails, and would have to be sent again.
const CHECKPOINT: u64 = 32 << 20;

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
    let blobs = registry.blobs();
    let taken = match blobs.gathering() {
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
        Err(Error::Bucket(BucketProblem::NotFound { .. })) => return lost(registry, id).await,
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
    let left = row.expires_at.duration_since(registry.now());
    let life = registry.options().uploads.expire_after;
    if !row.complete && Duration::try_from(left).unwrap_or_default() < life / 2 {
        row.expires_at = registry.upload_expiry();
        advance(registry, row.durable, &row).await?;
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
    let mut append = Append {
        registry,
        intake: Intake::new(staged, taken),
        checkpoint: None,
        row,
    };
    let read = append.take_in(body, turn).await;
    let kept = append.keep().await;
    let pause = read?;
    kept?;
    Ok((append.row, pause))
}

/// Takes the body into parts of a blob.
async fn in_parts(
    registry: &Registry,
    bucket: &Arc<S3Blobs>,
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

struct Append<'a> {
    registry: &'a Registry,
    intake: Intake,
    /// The last checkpoint, where it may be still under way.
    checkpoint: Option<JoinHandle<Result<UploadRow, Error>>>,
    /// The upload as far as it is known to be durable.
    row: UploadRow,
}

impl Append<'_> {
    /// Takes in what the body brings, and tells why it gives no more.
    async fn take_in(&mut self, body: &mut Source, turn: &Turn) -> Result<Pause, Error> {
        let patience = self.registry.options().uploads.stall_after;
        let mut since_checkpoint = 0;
        loop {
            let (piece, pause) = body.piece(turn.stop(), patience).await;
            let length = piece.len() as u64;
            self.check_length(length)?;
            if length > 0 {
                self.intake.push(piece).await?;
                since_checkpoint += length;
            }
            if since_checkpoint >= CHECKPOINT {
                self.begin_checkpoint().await?;
                since_checkpoint = 0;
            }
            if !matches!(pause, Pause::Full) {
                return Ok(pause);
            }
        }
    }

    fn check_length(&self, coming: u64) -> Result<(), Error> {
        let UploadRow { id, length, .. } = self.row;
        if self.intake.offset() + coming > length {
            return Err(Error::UploadTooLong { id, length });
        }
        Ok(())
    }

    /// Begins to make durable what has come in, while more comes in.
    async fn begin_checkpoint(&mut self) -> Result<(), Error> {
        self.end_checkpoint().await?;
        let taken = self.intake.settle().await?.clone();
        let registry = self.registry.clone();
        let staged = self.intake.staged().clone();
        let mut row = self.row.clone();
        let known = row.durable;
        self.checkpoint = Some(tokio::spawn(async move {
            blocking(move || Ok(staged.sync()?)).await?;
            row.durable = taken.offset;
            row.hash_state = taken.state();
            row.expires_at = registry.upload_expiry();
            advance(&registry, known, &row).await?;
            Ok(row)
        }));
        Ok(())
    }

    async fn end_checkpoint(&mut self) -> Result<(), Error> {
        if let Some(checkpoint) = self.checkpoint.take() {
            self.row = checkpoint.await.map_err(stopped)??;
        }
        Ok(())
    }

    /// Makes everything durable that has come in. A piece that could not be written is left out:
    /// whoever pushed it has been told, or is told by the error of this.
    async fn keep(&mut self) -> Result<(), Error> {
        let settled = self.intake.settle().await.map(|taken| taken.offset);
        let earlier = self.end_checkpoint().await;
        if self.intake.offset() > self.row.durable {
            self.begin_checkpoint().await?;
            self.end_checkpoint().await?;
        }
        settled?;
        earlier
    }
}

/// Takes down how far an upload has come, if it still is where it is known to have been.
pub(super) async fn advance(registry: &Registry, known: u64, row: &UploadRow) -> Result<(), Error> {
    let mut tx = registry.write().await?;
    advance_in(&mut tx, known, row).await?;
    tx.commit().await
}

/// Within one process the turns see to it that nobody else has got ahead. Others may write to the
/// same registry: who comes second is told where the upload continues.
pub(super) async fn advance_in(tx: &mut Writing, known: u64, row: &UploadRow) -> Result<(), Error> {
    if tx.advance_upload(known, row).await? {
        return Ok(());
    }
    let id = row.id;
    match tx.upload(id).await? {
        Some(ahead) => Err(Error::UploadOffset {
            id,
            expected: ahead.durable,
            given: known,
        }),
        None => Err(Error::UploadNotFound { id }),
    }
}
