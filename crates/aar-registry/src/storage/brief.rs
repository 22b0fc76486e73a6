//! The storage as it is asked while somebody waits: everybody else who wants to change something, or
//! whoever starts the registry.

use std::{sync::Arc, time::Duration};

use aar_types::Digest;
use bytes::Bytes;
use tokio::time::timeout;

use super::{Object, ObjectKey, Storage};
use crate::Error;

/// How long a bucket may take for a small request, repetitions included.
const LIMIT: Duration = Duration::from_secs(10);
/// For a deletion. One that was given up and is carried out later takes what has come since.
const DELETION: Duration = Duration::from_secs(40);

/// The storage, which has to answer soon where it is a bucket. A folder is waited for: what was
/// begun there cannot be given up.
pub(crate) struct Brief(Arc<Storage>);

impl Brief {
    pub(crate) fn new(storage: Arc<Storage>) -> Self {
        Self(storage)
    }

    /// Writes an object and makes it last.
    pub(crate) async fn put(&self, key: &ObjectKey, content: Bytes) -> Result<(), Error> {
        self.0.soon(self.0.put(key, content)).await
    }

    /// Reads a small object.
    pub(crate) async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, Error> {
        self.0.soon(self.0.get(key)).await
    }

    /// Deletes an object for good. Tells whether it was there.
    pub(crate) async fn delete(&self, key: &ObjectKey) -> Result<bool, Error> {
        let Storage::S3(bucket) = &*self.0 else {
            return self.0.delete(key).await;
        };
        let found = self.0.soon(bucket.has(key)).await?;
        self.0.within(DELETION, bucket.remove(key)).await?;
        Ok(found)
    }

    /// The size of a blob.
    pub(crate) async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        self.0.soon(self.0.blob_size(digest)).await
    }

    /// A blob as a listing would show it.
    pub(crate) async fn blob_object(&self, digest: &Digest) -> Result<Option<Object>, Error> {
        self.0.soon(self.0.blob_object(digest)).await
    }
}

impl Storage {
    /// What is asked of it, which has to come soon where it is a bucket.
    pub(crate) async fn soon<T>(
        &self,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.within(LIMIT, answer).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match self {
            Self::Fs(_) => answer.await,
            Self::S3(bucket) => {
                let in_time = timeout(limit, answer).await;
                in_time.unwrap_or_else(|_| Err(bucket.is_silent(limit)))
            }
        }
    }
}
