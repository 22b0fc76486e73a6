//! Uploads: how an image comes in, in as many requests as it takes.
//!
//! An upload is a row and what is staged of it: in a folder a file, in a bucket parts of the blob and
//! the rest of the last request. What the row says is stored, is: offset and state of the hash are
//! written together, after the bytes. So an upload goes on after a lost connection or a restart, at
//! the offset the row has. A folder has nothing to read again for that; from a bucket the rest is
//! read, which is less than a part, and where it has gone the upload goes back to its last part.
//!
//! An upload announces length and digest, and takes its space from then on. When the last byte is
//! there and the digest is right, the file is renamed into the place of the blob, or the bucket is
//! told to put the parts together; when the digest is wrong nothing is kept.

mod append;
mod create;
mod finish;
mod hashing;
mod in_file;
mod in_parts;
mod intake;
mod progress;
mod running;
mod source;

use std::{fmt, str::FromStr};

use aar_types::Digest;
use bytes::Bytes;
use futures_util::{Stream, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

pub(crate) use running::Appends;

use crate::{Error, Publisher, Registry, metadata::UploadRow, tasks::run_to_completion};

/// The name of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct UploadId(Uuid);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Uuid> for UploadId {
    fn from(id: Uuid) -> Self {
        Self(id)
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

impl From<&UploadRow> for Upload {
    fn from(row: &UploadRow) -> Self {
        Self {
            id: row.id,
            digest: row.digest,
            length: row.length,
            offset: row.durable,
            complete: row.complete,
            expires_at: row.expires_at,
        }
    }
}

impl Publisher {
    /// Starts an upload. Where the image is stored already, it is complete at once. One that was
    /// started before, and of which nothing has come, is given again.
    pub async fn create_upload(&self, new: UploadNew) -> Result<Upload, Error> {
        let publisher = self.clone();
        run_to_completion(async move { create::create(&publisher, new).await }).await
    }

    /// How an upload stands. A request that is still writing to it is asked to end first, so that
    /// whoever lost the connection learns at once where to continue.
    pub async fn upload(&self, id: UploadId) -> Result<Option<Upload>, Error> {
        if self.registry.inner.appends.is_running(id) {
            // One that does not end in time goes on; the row is right all the same.
            drop(self.registry.inner.appends.take(id).await);
        }
        match self.registry.open_upload(id).await? {
            // Everything has come, and then the program was stopped before it was put in place.
            Some(row) if row.durable == row.length && !row.complete => {
                let nothing = stream::empty::<Result<Bytes, Error>>();
                self.append(id, row.length, nothing).await.map(Some)
            }
            row => Ok(row.as_ref().map(Upload::from)),
        }
    }

    /// Continues an upload at its offset with what the body brings.
    ///
    /// Whatever ends the request, what has come of the body is kept, and the next one continues
    /// there. Two requests cannot write to one upload: a newer one asks the older to end, because
    /// mostly that is the other end of a connection that is dead. The body is read in a task of
    /// its own, so that it does not matter when the caller stops waiting.
    pub async fn append<S, E>(&self, id: UploadId, offset: u64, body: S) -> Result<Upload, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let publisher = self.clone();
        let body = source::Source::new(body);
        run_to_completion(async move { append::append(&publisher, id, offset, body).await }).await
    }

    /// Gives an upload up. Tells whether it was there.
    pub async fn terminate(&self, id: UploadId) -> Result<bool, Error> {
        let registry = self.registry.clone();
        run_to_completion(async move {
            let _turn = registry.inner.appends.take(id).await?;
            registry.drop_upload(id).await
        })
        .await
    }
}

impl Registry {
    /// An upload whose time is not over.
    async fn open_upload(&self, id: UploadId) -> Result<Option<UploadRow>, Error> {
        let row = self.metadata().read().await?.upload(id).await?;
        Ok(row.filter(|row| row.expires_at > self.now()))
    }

    /// Gives up an upload: it ends now, and then what is staged of it goes. Tells whether it was
    /// there.
    async fn drop_upload(&self, id: UploadId) -> Result<bool, Error> {
        let mut tx = self.write().await?;
        let Some(mut row) = tx.upload(id).await? else {
            return Ok(false);
        };
        row.expires_at = self.now();
        tx.advance_upload(row.durable, &row).await?;
        tx.commit().await?;
        self.forget_upload(&row).await?;
        Ok(true)
    }

    /// Deletes what is staged of an upload that has ended, and then its row: as long as something
    /// may be staged, the garbage collection has to find it.
    pub(crate) async fn forget_upload(&self, row: &UploadRow) -> Result<(), Error> {
        self.storage().discard_staged(row).await?;
        let mut tx = self.write().await?;
        tx.delete_upload(row.id).await?;
        tx.commit().await
    }

    /// When an upload that is touched now is given up.
    fn upload_expiry(&self) -> Timestamp {
        let life = SignedDuration::try_from(self.options().uploads.expire_after);
        let life = life.unwrap_or(SignedDuration::MAX);
        self.now().saturating_add(life).unwrap_or(Timestamp::MAX)
    }
}
