//! Uploads: how an image comes in, in as many requests as it takes.
//!
//! An upload is a row and a staged file. What the row says is on the disk, is: offset and state of
//! the hash are written together, after the bytes. So an upload goes on after a lost connection or
//! a restart, at the offset the row has, without anything being read again.
//!
//! An upload announces length and digest, and takes its space from then on. When the last byte is
//! there and the digest is right the file is renamed into the place of the blob; when the digest
//! is wrong nothing is kept.

mod append;
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
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub(crate) use running::Appends;

use crate::{
    Error, Publisher, Registry,
    metadata::{BlobState, UploadRow, Writing},
    tasks::run_to_completion,
};

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
    /// Starts an upload. Where the image is stored already, it is complete at once.
    pub async fn create_upload(&self, new: UploadNew) -> Result<Upload, Error> {
        let registry = self.registry.clone();
        run_to_completion(async move { create(&registry, new).await }).await
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

    /// Forgets an upload and what is staged of it.
    async fn drop_upload(&self, id: UploadId) -> Result<bool, Error> {
        let mut tx = self.write().await?;
        let Some(row) = tx.upload(id).await? else {
            return Ok(false);
        };
        tx.delete_upload(id).await?;
        tx.commit().await?;
        self.blobs().discard_staged(&row).await?;
        Ok(true)
    }

    /// When an upload that is touched now is given up.
    fn upload_expiry(&self) -> Timestamp {
        let life = SignedDuration::try_from(self.options().uploads.expire_after);
        let life = life.unwrap_or(SignedDuration::MAX);
        self.now().saturating_add(life).unwrap_or(Timestamp::MAX)
    }
}

async fn create(registry: &Registry, new: UploadNew) -> Result<Upload, Error> {
    let largest = registry.blobs().largest_blob();
    let max = registry.options().uploads.max_staged_bytes.min(largest);
    if new.length == 0 {
        return Err(Error::EmptyUpload);
    }
    if new.length > max {
        let length = new.length;
        return Err(Error::UploadTooLarge { length, max });
    }
    match insert(registry, new).await {
        // Some of what is in the way may be stale.
        Err(Error::TooManyUploads { .. } | Error::StagingFull { .. }) => {
            registry.reap_uploads().await?;
            insert(registry, new).await
        }
        inserted => inserted,
    }
}

async fn insert(registry: &Registry, new: UploadNew) -> Result<Upload, Error> {
    let mut tx = registry.write().await?;
    let complete = is_stored(registry, &mut tx, new).await?;
    if complete {
        tx.renew_blob(&new.digest, registry.now()).await?;
    } else {
        check_room(registry, &mut tx, new.length).await?;
    }
    let row = UploadRow {
        id: UploadId(Uuid::new_v4()),
        digest: new.digest,
        length: new.length,
        durable: if complete { new.length } else { 0 },
        hash_state: intake::state_of(&Sha256::new()),
        complete,
        created_at: registry.now(),
        expires_at: registry.upload_expiry(),
        multipart: None,
    };
    tx.insert_upload(&row).await?;
    tx.commit().await?;
    Ok(Upload::from(&row))
}

/// Whether the image is there already: known, not being deleted, and really in the storage. What
/// the storage has lost can be uploaded again.
async fn is_stored(registry: &Registry, tx: &mut Writing, new: UploadNew) -> Result<bool, Error> {
    let UploadNew { length, digest } = new;
    let blob = tx.blob(&digest).await?;
    let Some(blob) = blob.filter(|blob| blob.state == BlobState::Stored) else {
        return Ok(false);
    };
    if blob.size != length {
        return Err(Error::ImageSizeMismatch {
            digest,
            stored: blob.size,
            given: length,
        });
    }
    Ok(registry.blobs().blob_size(&digest).await? == Some(length))
}

async fn check_room(registry: &Registry, tx: &mut Writing, length: u64) -> Result<(), Error> {
    let limits = registry.options().uploads;
    let open = tx.upload_totals().await?;
    if open.count >= limits.max_open {
        let max = limits.max_open;
        return Err(Error::TooManyUploads { max });
    }
    let free = limits.max_staged_bytes.saturating_sub(open.announced);
    if length > free {
        return Err(Error::StagingFull { free, length });
    }
    Ok(())
}
