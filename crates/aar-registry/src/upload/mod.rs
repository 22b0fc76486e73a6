//! Uploads: an image arrives in any number of requests.
//!
//! An upload is a row and its staged bytes in the storage. The row has the durable offset and the state of
//! the hash; both are written together, after the bytes. So an upload continues at the offset of the row
//! after a lost connection or a restart.
//!
//! An upload announces length and digest, and reserves its space from then on. After the last byte, the
//! storage turns the staged bytes into the blob if the digest matches, and deletes them if it does not.

mod append;
mod body;
mod create;
mod finish;
mod progress;
mod quota;

use aar_types::Digest;
use bytes::Bytes;
use futures_util::{Stream, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    Error, Publisher, Registry, UploadId, metadata::UploadRow, storage::StagedId,
    tasks::run_to_completion,
};

/// The announced length and digest of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadNew {
    /// The length of the image in bytes.
    pub length: u64,
    /// Its SHA-256.
    pub digest: Digest,
}

/// The state of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upload {
    pub id: UploadId,
    /// The SHA-256 of the image.
    pub digest: Digest,
    /// The length of the image in bytes.
    pub length: u64,
    /// The number of durable bytes: the offset at which to continue.
    pub offset: u64,
    /// Whether the image is stored and verified.
    pub complete: bool,
    /// The value of the header `Upload-Metadata` at its creation. Empty if unknown.
    pub metadata: String,
    /// The time at which it expires unless it is continued.
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
            metadata: row.metadata.clone(),
            expires_at: row.expires_at,
        }
    }
}

impl Publisher {
    /// Creates an upload. It is complete at once if the image is already stored. A repeated request returns
    /// the same upload as long as it has no bytes. `metadata` is kept with it.
    pub async fn create_upload(&self, new: UploadNew, metadata: &str) -> Result<Upload, Error> {
        let publisher = self.clone();
        let metadata = metadata.to_owned();
        run_to_completion(async move { create::create(&publisher, new, &metadata).await }).await
    }

    /// The state of an upload. A request that still writes to it is first asked to end, so that a client
    /// after a lost connection gets the final offset.
    pub async fn upload(&self, id: UploadId) -> Result<Option<Upload>, Error> {
        if self.registry.inner.upload_locks.is_locked(id) {
            // A request that does not end in time continues; the row is correct nevertheless.
            drop(self.registry.inner.upload_locks.acquire(id).await);
        }
        match self.registry.open_upload(id).await? {
            // The program was stopped after the last byte.
            Some(row) if row.durable == row.length && !row.complete => {
                let nothing = stream::empty::<Result<Bytes, Error>>();
                self.append(id, row.length, nothing).await.map(Some)
            }
            row => Ok(row.as_ref().map(Upload::from)),
        }
    }

    /// Continues an upload at its offset with a body.
    ///
    /// However the request ends, the received bytes are kept, and the next request continues there. A newer
    /// request asks the older one to end. The body is read to its end even if the caller stops waiting.
    pub async fn append<S, E>(&self, id: UploadId, offset: u64, body: S) -> Result<Upload, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let publisher = self.clone();
        let body = body::UploadBody::new(body);
        run_to_completion(async move { append::append(&publisher, id, offset, body).await }).await
    }

    /// Drops an upload. Returns whether it existed.
    pub async fn terminate(&self, id: UploadId) -> Result<bool, Error> {
        let registry = self.registry.clone();
        run_to_completion(async move {
            let _lock = registry.inner.upload_locks.acquire(id).await?;
            registry.drop_upload(id).await
        })
        .await
    }
}

impl UploadRow {
    pub(crate) fn staged_id(&self) -> StagedId {
        StagedId {
            upload: self.id,
            digest: self.digest,
            length: self.length,
            multipart: self.multipart.clone(),
        }
    }
}

impl Registry {
    /// An upload that has not expired.
    async fn open_upload(&self, id: UploadId) -> Result<Option<UploadRow>, Error> {
        let row = self.metadata().read().await?.upload(id).await?;
        // An expiry that the registry cannot have set was set while the clock was ahead.
        let latest = self.upload_expiry();
        let row = row.map(|row| UploadRow {
            expires_at: row.expires_at.min(latest),
            ..row
        });
        Ok(row.filter(|row| row.expires_at > self.now()))
    }

    /// Expires an upload now, and deletes its staged bytes. Returns whether it existed.
    async fn drop_upload(&self, id: UploadId) -> Result<bool, Error> {
        let mut tx = self.write_from_reserve().await?;
        let Some(mut row) = tx.upload(id).await? else {
            return Ok(false);
        };
        row.expires_at = self.now();
        tx.advance_upload(row.durable, &row).await?;
        tx.commit().await?;
        self.forget_upload(&row).await?;
        Ok(true)
    }

    /// Deletes the staged bytes of an expired upload, and then its row: garbage collection finds the bytes
    /// through the row.
    pub(crate) async fn forget_upload(&self, row: &UploadRow) -> Result<(), Error> {
        self.storage().staged(row.staged_id()).abort().await?;
        let mut tx = self.write_from_reserve().await?;
        tx.delete_upload(row.id).await?;
        tx.commit().await
    }

    /// The new expiry of an upload that is continued now.
    pub(crate) fn upload_expiry(&self) -> Timestamp {
        let ttl = SignedDuration::try_from(self.options().uploads.expire_after);
        let ttl = ttl.unwrap_or(SignedDuration::MAX);
        self.now().saturating_add(ttl).unwrap_or(Timestamp::MAX)
    }
}
