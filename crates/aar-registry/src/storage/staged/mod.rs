//! Uploads in flight, as a backend stages them.
//!
//! The caller records what is durable and finds the upload again by that; a backend remembers nothing
//! between two requests. [`StagedWriter`] drives both backends.

mod writer;

use aar_fs::Sha256Hasher;
use aar_types::Digest;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;

pub(crate) use writer::{Durable, StagedWriter};

use crate::{Error, UploadId};

/// Identifies an upload to the backend.
#[derive(Debug, Clone)]
pub(crate) struct StagedId {
    pub(crate) upload: UploadId,
    pub(crate) digest: Digest,
    pub(crate) length: u64,
    /// What [`begin_staging`](super::Backend::begin_staging) returned.
    pub(crate) multipart: Option<String>,
}

/// A position in an upload, with the hash of everything before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkpoint {
    pub(crate) offset: u64,
    pub(crate) hasher: Sha256Hasher,
}

impl Checkpoint {
    /// `None` if this program did not write the state.
    pub(crate) fn resume(offset: u64, state: &[u8]) -> Option<Self> {
        let hasher = Sha256Hasher::resume(state)?;
        Some(Self { offset, hasher })
    }
}

/// What the caller has recorded of an upload.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) durable: Checkpoint,
    /// How many parts are stored.
    pub(crate) parts: u64,
    /// Where the last part ends.
    pub(crate) last_part: Checkpoint,
}

/// Where an upload goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resumed {
    AtDurable,
    /// The bytes behind the last part are lost.
    AtLastPart,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPart {
    /// The first is 0.
    pub(crate) number: u64,
    pub(crate) size: u64,
    pub(crate) etag: String,
}

/// Ends when a checkpoint is durable. Gives the part that the backend stored for it, if any.
pub(crate) type CheckpointTask = BoxFuture<'static, Result<Option<StoredPart>, Error>>;

/// How often an upload is made durable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckpointPolicy {
    /// Checkpoints are at the multiples of this, and at the end.
    pub(crate) interval: u64,
    pub(crate) in_flight: usize,
}

/// An upload in flight.
#[async_trait]
pub(crate) trait StagedUpload: Send {
    fn checkpoints(&self) -> CheckpointPolicy;

    /// Prepares to append behind what is recorded. [`Error::UploadNotFound`] if that is lost.
    async fn resume(&mut self, progress: &Progress) -> Result<Resumed, Error>;

    /// Begins to write bytes behind those before, which are written. A piece never crosses a
    /// checkpoint. After a failure nothing more is appended.
    fn append(&mut self, piece: Bytes) -> BoxFuture<'static, Result<(), Error>>;

    /// Begins to make durable everything that was appended.
    async fn checkpoint(&mut self) -> Result<CheckpointTask, Error>;

    /// Turns the complete upload into the blob; can be repeated. Returns `false` if what is staged is
    /// lost. `parts` are the tags of all stored parts.
    async fn finish(&mut self, parts: &[String]) -> Result<bool, Error>;

    /// Deletes what is staged.
    async fn abort(&mut self) -> Result<(), Error>;
}
