//! Staged uploads: uploads in flight.
//!
//! The caller records the durable state and resumes the upload from it; a backend keeps no state between two
//! requests. [`StagedWriter`] drives both backends.

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
    /// The id that [`begin_staging`](super::Backend::begin_staging) returned.
    pub(crate) multipart: Option<String>,
}

/// A position in an upload, with the hash of everything before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkpoint {
    pub(crate) offset: u64,
    pub(crate) hasher: Sha256Hasher,
}

impl Checkpoint {
    /// `None` if another program wrote the state.
    pub(crate) fn resume(offset: u64, state: &[u8]) -> Option<Self> {
        let hasher = Sha256Hasher::resume(state)?;
        Some(Self { offset, hasher })
    }
}

/// The recorded state of an upload.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) durable: Checkpoint,
    /// The number of stored parts.
    pub(crate) parts: u64,
    /// The end of the last part.
    pub(crate) last_part: Checkpoint,
}

/// The offset at which an upload continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resumed {
    AtDurable,
    /// The bytes after the last part are lost.
    AtLastPart,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPart {
    /// The first is 0.
    pub(crate) number: u64,
    pub(crate) size: u64,
    pub(crate) etag: String,
}

/// Ends when a checkpoint is durable. Returns the part that the backend stored for it, if any.
pub(crate) type CheckpointTask = BoxFuture<'static, Result<Option<StoredPart>, Error>>;

#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckpointPolicy {
    /// Checkpoints are at the multiples of this, and at the end.
    pub(crate) interval: u64,
    pub(crate) in_flight: usize,
}

#[async_trait]
pub(crate) trait StagedUpload: Send {
    fn checkpoints(&self) -> CheckpointPolicy;

    /// Prepares to append after the recorded bytes. [`Error::UploadNotFound`] if they are lost.
    async fn resume(&mut self, progress: &Progress) -> Result<Resumed, Error>;

    /// Starts to write a piece after the previous one, which is written. A piece never crosses a checkpoint.
    /// After a failure no piece is appended.
    fn append(&mut self, piece: Bytes) -> BoxFuture<'static, Result<(), Error>>;

    /// Starts to make all appended bytes durable.
    async fn checkpoint(&mut self) -> Result<CheckpointTask, Error>;

    /// Turns the complete upload into the blob. Idempotent. Returns `false` if the staged bytes are lost.
    /// `parts` are the tags of all stored parts.
    async fn finish(&mut self, parts: &[String]) -> Result<bool, Error>;

    async fn abort(&mut self) -> Result<(), Error>;
}
