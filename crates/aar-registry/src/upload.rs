use std::{fmt, str::FromStr};

use aar_types::Digest;
use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{Error, Publisher};

/// The name of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct UploadId(Uuid);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// What an upload announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadNew {
    /// How many bytes will come.
    pub length: u64,
    /// Their SHA-256.
    pub digest: Digest,
}

/// An upload as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Upload {
    /// Its name.
    pub id: UploadId,
    /// The SHA-256 of what is to come.
    pub digest: Digest,
    /// How many bytes are to come in all.
    pub length: u64,
    /// How many are stored for good: where to continue.
    pub offset: u64,
    /// Whether the image is stored and verified; nothing is to be sent.
    pub complete: bool,
    /// When it is given up unless it is continued.
    pub expires_at: Timestamp,
}

impl Publisher {
    /// Starts an upload. Where the image is stored already, it is complete at once.
    pub async fn create_upload(&self, new: UploadNew) -> Result<Upload, Error> {
        let _ = new;
        todo!()
    }

    /// How an upload stands. A request that is still writing to it is asked to end first, so that
    /// whoever lost the connection learns at once where to continue.
    pub async fn upload(&self, id: UploadId) -> Result<Option<Upload>, Error> {
        let _ = id;
        todo!()
    }

    /// Continues an upload at its offset with what the body brings.
    pub async fn append<S, E>(&self, id: UploadId, offset: u64, body: S) -> Result<Upload, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let _ = (id, offset, body);
        todo!()
    }

    /// Gives an upload up. Tells whether it was there.
    pub async fn terminate(&self, id: UploadId) -> Result<bool, Error> {
        let _ = id;
        todo!()
    }
}
