//! Uploads: an image comes in with as many requests as it takes.
//!
//! An upload is a row and what the storage has staged of it. What the row says is durable is: offset and
//! state of the hash are written together, after the bytes. So an upload continues after a lost
//! connection or a restart, at the offset of the row.
//!
//! An upload announces length and digest, and reserves its space from then on. When the last byte has
//! come and the digest is right, the storage turns what is staged into the blob; when the digest is wrong
//! nothing is kept.

mod append;
mod body;
mod create;
mod finish;
mod progress;

use aar_types::Digest;
use bytes::Bytes;
use futures_util::{Stream, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    Error, Publisher, Registry, UploadId, metadata::UploadRow, storage::StagedId,
    tasks::run_to_completion,
};

/// What an upload announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadNew {
    /// The length of the image in bytes.
    pub length: u64,
    /// Its SHA-256.
    pub digest: Digest,
}

/// The state of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// The SHA-256 of the image.
    pub digest: Digest,
    /// The length of the image in bytes.
    pub length: u64,
    /// How many bytes are durable: where to continue.
    pub offset: u64,
    /// Whether the image is stored and verified.
    pub complete: bool,
    /// When it expires unless it is continued.
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
    /// Creates an upload. It is complete at once if the image is stored already. A repeated request
    /// returns the same upload as long as nothing was sent for it.
    pub async fn create_upload(&self, new: UploadNew) -> Result<Upload, Error> {
        let publisher = self.clone();
        run_to_completion(async move { create::create(&publisher, new).await }).await
    }

    /// The state of an upload. A request that still writes to it is asked to end first, so that a client
    /// that lost its connection learns at once where to continue.
    pub async fn upload(&self, id: UploadId) -> Result<Option<Upload>, Error> {
        if self.registry.inner.upload_locks.is_locked(id) {
            // A request that does not end in time goes on; the row is right all the same.
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
    /// However the request ends, what has come of the body is kept, and the next request continues
    /// there. A newer request asks the older to end. The body is read to its end even if the caller
    /// stops waiting.
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
        Ok(row.filter(|row| row.expires_at > self.now()))
    }

    /// Lets an upload expire now, and deletes what is staged. Returns whether it existed.
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

    /// Deletes what is staged of an expired upload, and then its row: garbage collection finds what is
    /// staged by the row.
    pub(crate) async fn forget_upload(&self, row: &UploadRow) -> Result<(), Error> {
        self.storage().staged(row.staged_id()).abort().await?;
        let mut tx = self.write().await?;
        tx.delete_upload(row.id).await?;
        tx.commit().await
    }

    /// When an upload expires that is continued now.
    fn upload_expiry(&self) -> Timestamp {
        let ttl = SignedDuration::try_from(self.options().uploads.expire_after);
        let ttl = ttl.unwrap_or(SignedDuration::MAX);
        self.now().saturating_add(ttl).unwrap_or(Timestamp::MAX)
    }
}
