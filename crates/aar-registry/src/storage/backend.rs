use aar_fs::{Sha256Hasher, Volume};
use aar_types::Digest;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use jiff::Timestamp;

use super::{Area, ByteStream, Content, Leftover, Object, ObjectKey, StagedId, StagedUpload};
use crate::{Error, tasks::blocking};

/// The functions of every storage.
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    /// Writes an object durably.
    async fn put(&self, key: &ObjectKey, content: Bytes) -> Result<(), Error>;

    /// Writes an object durably unless it exists. Returns whether it was written.
    async fn put_new(&self, key: &ObjectKey, content: Bytes) -> Result<bool, Error>;

    /// Reads a small object.
    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, Error>;

    /// Deletes an object durably. Returns whether it existed.
    async fn delete(&self, key: &ObjectKey) -> Result<bool, Error>;

    /// Every object of an area, in no order.
    fn list(&self, area: Area) -> BoxStream<'static, Result<Object, Error>>;

    /// A blob as a listing shows it.
    async fn blob_object(&self, digest: &Digest) -> Result<Option<Object>, Error>;

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let object = self.blob_object(digest).await?;
        Ok(object.map(|object| object.size))
    }

    /// Opens a blob for a client, which can read it to its end even if it is deleted meanwhile. A blob of
    /// another size is damaged: the client would detect that only after the download.
    async fn open_blob(&self, digest: &Digest, size: u64) -> Result<Option<Content>, Error>;

    async fn read_blob(&self, digest: &Digest) -> Result<Option<ByteStream>, Error>;

    /// The size and the SHA-256 of the bytes of a blob.
    async fn hash_blob(&self, digest: &Digest) -> Result<Option<(u64, Digest)>, Error> {
        match self.read_blob(digest).await? {
            Some(bytes) => hash(bytes).await.map(Some),
            None => Ok(None),
        }
    }

    fn largest_blob(&self) -> u64 {
        u64::MAX
    }

    /// The volume of the blobs; `None` if the backend has no limit.
    async fn volume(&self) -> Result<Option<Volume>, Error> {
        Ok(None)
    }

    /// Whether new objects can be written, as far as a cheap check can tell.
    async fn check_writable(&self) -> Result<(), Error> {
        Ok(())
    }

    /// `None` if the backend has no limit.
    async fn free_bytes(&self) -> Result<Option<u64>, Error> {
        Ok(self.volume().await?.map(|volume| volume.free))
    }

    /// Prepares to stage an upload. Returns the id of the multipart upload if one was created; the caller
    /// records it before it appends.
    async fn begin_staging(&self, _id: &StagedId) -> Result<Option<String>, Error> {
        Ok(None)
    }

    fn staged(&self, id: StagedId) -> Box<dyn StagedUpload>;

    /// Leftovers of uploads and interrupted writes. Some still belong to an upload.
    async fn leftovers(&self) -> Result<Vec<Leftover>, Error>;

    async fn leftover_size(&self, leftover: &Leftover) -> Result<u64, Error> {
        Ok(leftover.size)
    }

    /// The current leftover at this path.
    async fn leftover(&self, path: &str) -> Result<Option<Leftover>, Error>;

    /// Sets the time of an object that was written while the clock was ahead. A bucket has its own clock.
    async fn set_modified(&self, _path: &str, _at: Timestamp) -> Result<(), Error> {
        Ok(())
    }

    /// Returns whether the leftover existed.
    async fn delete_leftover(&self, path: &str) -> Result<bool, Error>;

    /// Whether the storage holds nothing except `registry.json`.
    async fn is_empty(&self) -> Result<bool, Error> {
        for area in [Area::Applications, Area::Trust, Area::Blobs] {
            if self.list(area).next().await.transpose()?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

async fn hash(mut bytes: ByteStream) -> Result<(u64, Digest), Error> {
    let (mut hasher, mut size) = (Sha256Hasher::new(), 0);
    while let Some(piece) = bytes.try_next().await? {
        size += piece.len() as u64;
        hasher = blocking(move || {
            hasher.update(&piece);
            Ok(hasher)
        })
        .await?;
    }
    Ok((size, hasher.finish()))
}
