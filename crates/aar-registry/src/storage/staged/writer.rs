use std::{collections::BTreeMap, mem};

use aar_fs::Sha256Hasher;
use aar_types::Digest;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

use super::{Checkpoint, CheckpointTask, StagedUpload, StoredPart};
use crate::{Error, tasks::stopped};

/// Appends to a staged upload: hashes and writes one piece while the caller fetches the next, and makes
/// checkpoints in the background.
///
/// A failed write leaves the upload at the offset before that piece. After a failed checkpoint no later one
/// succeeds: the system reports a failed write to the disk only once, and parts after a gap are useless.
pub(crate) struct StagedWriter {
    staged: Box<dyn StagedUpload>,
    length: u64,
    written: Checkpoint,
    in_work: Option<PieceInWork>,
    /// The offset of the last checkpoint that was started.
    checkpointed: u64,
    checkpoints: Checkpoints,
}

struct PieceInWork {
    length: u64,
    hash: JoinHandle<Sha256Hasher>,
    write: BoxFuture<'static, Result<(), Error>>,
}

/// All bytes up to the checkpoint are durable.
pub(crate) struct Durable {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) part: Option<StoredPart>,
}

impl StagedWriter {
    /// Appends to an upload that was resumed at this checkpoint.
    pub(crate) fn new(staged: Box<dyn StagedUpload>, length: u64, at: Checkpoint) -> Self {
        Self {
            staged,
            length,
            checkpointed: at.offset,
            written: at,
            in_work: None,
            checkpoints: Checkpoints::default(),
        }
    }

    /// The offset of the next piece.
    pub(crate) fn offset(&self) -> u64 {
        self.written.offset + self.in_work.as_ref().map_or(0, |piece| piece.length)
    }

    /// Starts to write a piece after the previous one is written.
    pub(crate) async fn write(&mut self, mut piece: Bytes) -> Result<(), Error> {
        while !piece.is_empty() {
            let end = self.next_checkpoint();
            let room = usize::try_from(end - self.offset()).unwrap_or(usize::MAX);
            self.begin_piece(piece.split_to(room.min(piece.len())))
                .await?;
            if self.offset() == end {
                self.begin_checkpoint().await?;
            }
        }
        Ok(())
    }

    fn next_checkpoint(&self) -> u64 {
        let interval = self.staged.checkpoints().interval;
        let next = (self.offset() / interval + 1) * interval;
        // Bytes after the end are dropped: the digest will differ.
        if self.offset() < self.length {
            next.min(self.length)
        } else {
            next
        }
    }

    async fn begin_piece(&mut self, piece: Bytes) -> Result<(), Error> {
        self.finish_piece().await?;
        let mut hasher = self.written.hasher.clone();
        self.in_work = Some(PieceInWork {
            length: piece.len() as u64,
            write: self.staged.append(piece.clone()),
            hash: spawn_blocking(move || {
                hasher.update(&piece);
                hasher
            }),
        });
        Ok(())
    }

    /// Waits for the piece being written. It is dropped if the write fails.
    async fn finish_piece(&mut self) -> Result<(), Error> {
        if let Some(piece) = mem::take(&mut self.in_work) {
            let (hasher, written) = tokio::join!(piece.hash, piece.write);
            written?;
            self.written = Checkpoint {
                offset: self.written.offset + piece.length,
                hasher: hasher.map_err(stopped)?,
            };
        }
        Ok(())
    }

    async fn begin_checkpoint(&mut self) -> Result<(), Error> {
        self.finish_piece().await?;
        let most = self.staged.checkpoints().in_flight;
        while self.checkpoints.in_flight.len() >= most {
            self.checkpoints.wait().await?;
        }
        let task = self.staged.checkpoint().await?;
        self.checkpointed = self.written.offset;
        self.checkpoints.begin(self.written.clone(), task);
        Ok(())
    }

    /// Starts a checkpoint after all written bytes.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        let written = self.finish_piece().await;
        if self.checkpoints.failed.is_none() && self.written.offset > self.checkpointed {
            self.begin_checkpoint().await?;
        }
        written
    }

    pub(crate) fn has_checkpoints(&self) -> bool {
        !(self.checkpoints.in_flight.is_empty() && self.checkpoints.durable.is_empty())
    }

    /// Waits for the oldest checkpoint. `None` if none is left before a failed one. Any failure is reported
    /// at once, whatever its position. Cancel-safe.
    pub(crate) async fn next_durable(&mut self) -> Result<Option<Durable>, Error> {
        self.checkpoints.next().await
    }

    /// The hash of all written bytes.
    pub(crate) fn digest(&self) -> Digest {
        self.written.hasher.clone().finish()
    }

    /// Ends the checkpoints in flight: a part that arrives after the upload was aborted would stay.
    pub(crate) async fn stop(mut self) -> Box<dyn StagedUpload> {
        self.checkpoints.in_flight.shutdown().await;
        self.staged
    }
}

/// Checkpoints become durable in any order, and are recorded in order of their offsets.
#[derive(Default)]
struct Checkpoints {
    in_flight: JoinSet<(u64, Result<Durable, Error>)>,
    durable: BTreeMap<u64, Durable>,
    begun: u64,
    oldest: u64,
    /// The first failed checkpoint.
    failed: Option<u64>,
}

impl Checkpoints {
    fn begin(&mut self, checkpoint: Checkpoint, task: CheckpointTask) {
        let number = self.begun;
        self.begun += 1;
        self.in_flight.spawn(async move {
            let ended = task.await;
            (number, ended.map(|part| Durable { checkpoint, part }))
        });
    }

    async fn next(&mut self) -> Result<Option<Durable>, Error> {
        loop {
            if let Some(oldest) = self.durable.remove(&self.oldest) {
                self.oldest += 1;
                return Ok(Some(oldest));
            }
            if self.failed == Some(self.oldest) || !self.wait().await? {
                return Ok(None);
            }
        }
    }

    /// Waits until any checkpoint ends. `false` if none is in flight.
    async fn wait(&mut self) -> Result<bool, Error> {
        let Some(ended) = self.in_flight.join_next().await else {
            return Ok(false);
        };
        let (number, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => (self.oldest, Err(stopped(error))),
        };
        match ended {
            Ok(durable) => drop(self.durable.insert(number, durable)),
            Err(error) => {
                self.failed = Some(self.failed.map_or(number, |first| first.min(number)));
                return Err(error);
            }
        }
        Ok(true)
    }
}
