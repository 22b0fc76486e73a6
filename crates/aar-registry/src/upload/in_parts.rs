//! Continuing an upload into a bucket: parts are cut from what comes in, and several are on their
//! way at a time.
//!
//! What the row says is durable is: parts are taken down in their order, each with the state of
//! the hash at its end, once the bucket has it. What is left when a request ends is less than a
//! part; it is kept as an object of its own and read back by the next request. Should that object
//! be gone, the upload goes back to the end of its last part, and the client with it: it asks
//! where to continue. So at most what was on the way is ever sent again.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::{sync::OwnedSemaphorePermit, task::JoinHandle};

use super::{
    hashing::Hashing,
    intake::{Taken, state_of},
    progress::{advance, advance_in},
    running::Turn,
    source::{Pause, Source},
};
use crate::{
    Error, Registry,
    metadata::{PartRow, UploadRow},
    storage::{S3Storage, parts},
    tasks::{blocking, stopped},
};

/// An upload into a bucket that is being continued.
pub(super) struct InParts<'a> {
    registry: &'a Registry,
    bucket: &'a Arc<S3Storage>,
    /// The upload as far as it is known to be durable.
    row: UploadRow,
    multipart: String,
    part_size: u64,
    /// The number of the part that is being filled.
    next: u64,
    filling: Vec<Bytes>,
    filled: u64,
    /// How many bytes the parts have that are taken down. What the row says can be more: the rest
    /// of the request before.
    landed: u64,
    /// How far it will be when all that is on its way has arrived.
    offset: u64,
    hashing: Hashing,
    on_the_way: VecDeque<JoinHandle<Result<PartRow, Error>>>,
}

impl<'a> InParts<'a> {
    /// Continues where the row says, or goes back to the last part where the rest has gone.
    pub(super) async fn begin(
        registry: &'a Registry,
        bucket: &'a Arc<S3Storage>,
        mut row: UploadRow,
        taken: Taken,
    ) -> Result<Self, Error> {
        let stored = registry
            .metadata()
            .read()
            .await?
            .part_totals(row.id)
            .await?;
        let filled = row.durable.saturating_sub(stored.bytes);
        let filling = match filled {
            0 => Vec::new(),
            _ => match rest(registry, bucket, &row, filled).await? {
                Some(rest) => vec![rest],
                None => return Err(go_back(registry, row, stored.bytes).await),
            },
        };
        let multipart = gathering(registry, bucket, &mut row).await?;
        Ok(Self {
            registry,
            bucket,
            multipart,
            part_size: parts::size_of(row.length),
            next: stored.count,
            filling,
            filled,
            landed: stored.bytes,
            offset: row.durable,
            hashing: Hashing::new(taken.into_hasher()),
            on_the_way: VecDeque::new(),
            row,
        })
    }

    /// Takes in what the body brings, and tells why it gives no more.
    pub(super) async fn take_in(&mut self, body: &mut Source, turn: &Turn) -> Result<Pause, Error> {
        let patience = self.registry.options().uploads.stall_after;
        loop {
            let (piece, pause) = body.piece(turn.stop(), patience).await;
            let UploadRow { id, length, .. } = self.row;
            if self.offset + piece.len() as u64 > length {
                return Err(Error::UploadTooLong { id, length });
            }
            self.push(piece).await?;
            if !matches!(pause, Pause::Full) {
                return Ok(pause);
            }
        }
    }

    async fn push(&mut self, mut piece: Bytes) -> Result<(), Error> {
        while !piece.is_empty() {
            let room = usize::try_from(self.part_size - self.filled).unwrap_or(usize::MAX);
            let now = piece.split_to(room.min(piece.len()));
            self.filled += now.len() as u64;
            self.offset += now.len() as u64;
            self.hashing.push(now.clone()).await?;
            self.filling.push(now);
            if self.filled == self.part_size || self.offset == self.row.length {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Sends the part that is full.
    async fn send(&mut self) -> Result<(), Error> {
        let hash_state = state_of(self.hashing.settle().await?);
        while self.on_the_way.len() >= parts::at_once(self.part_size) {
            self.land().await?;
        }
        let room = self.bucket.room_for(self.filled).await;
        let part = Part {
            bucket: Arc::clone(self.bucket),
            row: self.row.clone(),
            multipart: self.multipart.clone(),
            content: std::mem::take(&mut self.filling),
            number: self.next,
            size: std::mem::take(&mut self.filled),
            hash_state,
        };
        self.next += 1;
        self.on_the_way.push_back(tokio::spawn(part.send(room)));
        Ok(())
    }

    /// Waits for the part that was sent first, and takes it down.
    async fn land(&mut self) -> Result<(), Error> {
        let Some(first) = self.on_the_way.pop_front() else {
            return Ok(());
        };
        let landed = match first.await {
            Ok(Ok(part)) => self.take_down(part).await,
            Ok(Err(error)) => Err(error),
            Err(error) => Err(stopped(error)),
        };
        if landed.is_err() {
            // What comes after a gap is of no use.
            self.on_the_way.drain(..).for_each(|part| part.abort());
        }
        landed
    }

    async fn take_down(&mut self, part: PartRow) -> Result<(), Error> {
        let mut row = self.row.clone();
        row.durable = self.landed + part.size;
        row.hash_state.clone_from(&part.hash_state);
        row.expires_at = self.registry.upload_expiry();
        let mut tx = self.registry.write().await?;
        advance_in(&mut tx, self.row.durable, &row).await?;
        tx.insert_part(row.id, &part).await?;
        tx.commit().await?;
        self.landed = row.durable;
        self.row = row;
        Ok(())
    }

    /// Makes everything durable that has come in.
    pub(super) async fn keep(&mut self) -> Result<(), Error> {
        while !self.on_the_way.is_empty() {
            self.land().await?;
        }
        // Nothing has come, or something is missing between the parts and what is here.
        let whole = self.landed + self.filled == self.offset;
        if self.offset <= self.row.durable || !whole {
            return Ok(());
        }
        let rest = std::mem::take(&mut self.filling);
        self.bucket.put_rest(self.row.id, rest).await?;
        let row = UploadRow {
            durable: self.offset,
            hash_state: state_of(self.hashing.settle().await?),
            expires_at: self.registry.upload_expiry(),
            ..self.row.clone()
        };
        advance(self.registry, self.row.durable, &row).await?;
        self.row = row;
        Ok(())
    }

    /// The upload as far as it is durable, and its hash up to there.
    pub(super) fn into_row(self) -> UploadRow {
        self.row
    }
}

/// A part on its way.
struct Part {
    bucket: Arc<S3Storage>,
    row: UploadRow,
    multipart: String,
    content: Vec<Bytes>,
    number: u64,
    size: u64,
    hash_state: Vec<u8>,
}

impl Part {
    async fn send(self, _room: Option<OwnedSemaphorePermit>) -> Result<PartRow, Error> {
        let Self {
            bucket,
            row,
            multipart,
            content,
            number,
            size,
            hash_state,
        } = self;
        let tag = bucket
            .put_part(&row.digest, &multipart, number, content)
            .await?;
        Ok(PartRow {
            number,
            size,
            tag,
            hash_state,
        })
    }
}

/// What the bucket calls the gathering of this upload. It begins with the first request.
async fn gathering(
    registry: &Registry,
    bucket: &Arc<S3Storage>,
    row: &mut UploadRow,
) -> Result<String, Error> {
    if let Some(multipart) = &row.multipart {
        return Ok(multipart.clone());
    }
    let multipart = bucket.begin_parts(&row.digest).await?;
    let mut tx = registry.write().await?;
    if !tx.set_multipart(row.id, &multipart).await? {
        tx.rollback().await?;
        bucket.abort_parts(&row.digest, &multipart).await?;
        return Err(Error::UploadLocked { id: row.id });
    }
    tx.commit().await?;
    row.multipart = Some(multipart.clone());
    Ok(multipart)
}

/// What the last request left that did not make a part. Another process that writes to the same
/// upload may have put its own in place of it: that has gone, then.
async fn rest(
    registry: &Registry,
    bucket: &Arc<S3Storage>,
    row: &UploadRow,
    size: u64,
) -> Result<Option<Bytes>, Error> {
    let Some(rest) = bucket.rest_of(row.id, size).await? else {
        return Ok(None);
    };
    let state = registry
        .metadata()
        .read()
        .await?
        .last_part_state(row.id)
        .await?;
    let mut hasher = match state {
        Some(state) => match Taken::resume(row.durable, &state) {
            Some(taken) => taken.into_hasher(),
            None => return Ok(None),
        },
        None => Sha256::new(),
    };
    blocking(move || {
        hasher.update(&rest);
        Ok((state_of(&hasher), rest))
    })
    .await
    .map(|(state, rest)| (state == row.hash_state).then_some(rest))
}

/// Goes back to the end of the last part. The error tells the client where that is.
async fn go_back(registry: &Registry, mut row: UploadRow, to: u64) -> Error {
    tracing::warn!(id = %row.id, to, "the rest of a request has gone; the upload goes back");
    let (id, given) = (row.id, row.durable);
    match return_to(registry, &mut row, to).await {
        Ok(()) => Error::UploadOffset {
            id,
            expected: to,
            given,
        },
        Err(error) => error,
    }
}

async fn return_to(registry: &Registry, row: &mut UploadRow, to: u64) -> Result<(), Error> {
    let known = row.durable;
    let mut tx = registry.write().await?;
    let state = tx.last_part_state(row.id).await?;
    row.durable = to;
    row.hash_state = state.unwrap_or_else(|| state_of(&Sha256::new()));
    advance_in(&mut tx, known, row).await?;
    tx.commit().await
}
