//! The storage: the bytes of the images, and a descriptor of everything the registry has committed.
//!
//! Descriptors are small JSON objects. They make it possible to find the metadata again from the
//! storage alone, and are written and deleted by the transactions that change what they describe.

mod content;
mod deadline;
mod fs;
mod object_key;
pub(crate) mod s3;
mod staging;
mod transfer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use aar_types::Digest;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use object_store::path::Path;

pub use content::{Content, ImageFile};
pub(crate) use object_key::{Area, ObjectKey};
pub use s3::{BucketProblem, CloudFrontProblem, ImageObject, KeyOrigin};
pub(crate) use s3::{CloudFront, S3Storage, parts};
pub(crate) use staging::Staged;

use crate::{Error, StorageOptions, UploadId, metadata::UploadRow};

/// The storage, whichever it is.
#[derive(Debug)]
pub(crate) enum Storage {
    /// A folder on this machine.
    Fs(fs::FsStorage),
    /// A bucket.
    S3(Arc<S3Storage>),
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) path: Path,
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
    /// Is another one when the object is replaced, where the storage has such a thing.
    pub(crate) tag: Option<String>,
}

impl Object {
    /// The key it has, if it is anything the registry puts there.
    pub(crate) fn key(&self) -> Option<ObjectKey> {
        ObjectKey::of(&self.path)
    }
}

/// A file that an upload, or a write that was cut short, may have left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leftover {
    /// Its place below the root of the storage.
    pub(crate) path: String,
    /// The upload it is named after, if it is.
    pub(crate) upload: Option<UploadId>,
    /// What gathers it, where it is parts in a bucket.
    pub(crate) multipart: Option<String>,
    /// Its size. What parts add up to is only known to who [asks](Storage::leftover_size).
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
}

/// Where what comes in is kept until it is a blob.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gathering<'a> {
    /// In a file beside the blobs.
    InFile(&'a fs::FsStorage),
    /// In parts of the blob.
    InParts(&'a Arc<S3Storage>),
}

impl Storage {
    pub(crate) async fn open(options: &StorageOptions) -> Result<Self, Error> {
        match options {
            StorageOptions::Fs { root_directory } => {
                fs::FsStorage::open(root_directory).await.map(Self::Fs)
            }
            StorageOptions::S3(options) => {
                let bucket = S3Storage::open(options).await?;
                Ok(Self::S3(Arc::new(bucket)))
            }
        }
    }

    /// Writes an object and makes it last.
    pub(crate) async fn put(&self, key: &ObjectKey, content: Bytes) -> Result<(), Error> {
        match self {
            Self::Fs(fs) => fs.put(key, content).await,
            Self::S3(bucket) => bucket.put(key, content).await,
        }
    }

    /// Writes an object unless it is there. Tells whether it was written.
    pub(crate) async fn put_new(&self, key: &ObjectKey, content: Bytes) -> Result<bool, Error> {
        match self {
            Self::Fs(fs) => fs.put_new(key, content).await,
            Self::S3(bucket) => bucket.put_new(key, content).await,
        }
    }

    /// Reads a small object.
    pub(crate) async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Fs(fs) => fs.get(key).await,
            Self::S3(bucket) => bucket.get(key).await,
        }
    }

    /// Deletes an object for good. Tells whether it was there.
    pub(crate) async fn delete(&self, key: &ObjectKey) -> Result<bool, Error> {
        match self {
            Self::Fs(fs) => fs.delete(key).await,
            Self::S3(bucket) => bucket.delete(key).await,
        }
    }

    /// Everything in a part of the storage, in no order.
    pub(crate) fn list(&self, area: Area) -> BoxStream<'static, Result<Object, Error>> {
        match self {
            Self::Fs(fs) => fs.list(area),
            Self::S3(bucket) => bucket.list(area),
        }
    }

    /// The size of a blob.
    pub(crate) async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        match self {
            Self::Fs(fs) => fs.blob_size(digest).await,
            Self::S3(bucket) => bucket.blob_size(digest).await,
        }
    }

    /// A blob as a listing would show it. Bytes that are replaced make it another one.
    pub(crate) async fn blob_object(&self, digest: &Digest) -> Result<Option<Object>, Error> {
        match self {
            Self::Fs(fs) => fs.blob_object(digest).await,
            Self::S3(bucket) => bucket.blob_object(digest).await,
        }
    }

    /// Opens a blob for reading. It can be read to its end even when it is deleted meanwhile. One
    /// of another size is damaged: whoever fetched it would find out after all of it.
    pub(crate) async fn open_blob(
        &self,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<Content>, Error> {
        match self {
            Self::S3(bucket) => bucket.open_blob(digest, size).await,
            Self::Fs(fs) => match fs.open_blob(digest).await? {
                Some(Content::File(file)) if file.size() != size => {
                    Err(Error::ImageDamaged { digest: *digest })
                }
                opened => Ok(opened),
            },
        }
    }

    /// Reads a blob and gives its size and its SHA-256.
    pub(crate) async fn hash_blob(&self, digest: &Digest) -> Result<Option<(u64, Digest)>, Error> {
        match self {
            Self::Fs(fs) => fs.hash_blob(digest).await,
            Self::S3(bucket) => bucket.hash_blob(digest).await,
        }
    }

    /// Where uploads are gathered, in the one or the other way.
    pub(crate) fn gathering(&self) -> Gathering<'_> {
        match self {
            Self::Fs(fs) => Gathering::InFile(fs),
            Self::S3(bucket) => Gathering::InParts(bucket),
        }
    }

    /// Puts what an upload has staged, all of it and verified, in the place of the blob. When that
    /// has been done already nothing is left to do. Tells whether the blob is there now.
    pub(crate) async fn keep_staged(
        &self,
        id: UploadId,
        digest: &Digest,
        size: u64,
    ) -> Result<bool, Error> {
        match self {
            Self::Fs(fs) => fs.keep_staged(id, digest, size).await,
            // It was put together before: that takes too long for a transaction, as waiting does.
            Self::S3(_) => Ok(self.in_time(self.blob_size(digest)).await? == Some(size)),
        }
    }

    /// Deletes what an upload has staged.
    pub(crate) async fn discard_staged(&self, row: &UploadRow) -> Result<(), Error> {
        match self {
            Self::Fs(fs) => fs.discard_staged(row.id).await.map(drop),
            Self::S3(bucket) => bucket.discard(row).await,
        }
    }

    /// The size of the largest blob that it can hold, where there is a limit.
    pub(crate) fn largest_blob(&self) -> u64 {
        match self {
            Self::Fs(_) => u64::MAX,
            Self::S3(_) => s3::parts::LARGEST_OBJECT,
        }
    }

    /// How many bytes of an upload are staged.
    pub(crate) async fn staged_size(&self, row: &UploadRow) -> Result<u64, Error> {
        match self {
            Self::Fs(fs) => Ok(fs.staged_size(row.id).await?.unwrap_or(0)),
            Self::S3(_) => Ok(row.durable),
        }
    }

    /// Files that uploads or interrupted writes have left. Some still belong to an upload.
    pub(crate) async fn leftovers(&self) -> Result<Vec<Leftover>, Error> {
        match self {
            Self::Fs(fs) => fs.leftovers().await,
            Self::S3(bucket) => bucket.leftovers().await,
        }
    }

    /// How many bytes a leftover takes.
    pub(crate) async fn leftover_size(&self, leftover: &Leftover) -> Result<u64, Error> {
        match self {
            Self::Fs(_) => Ok(leftover.size),
            Self::S3(bucket) => bucket.leftover_size(leftover).await,
        }
    }

    /// The leftover at this place, as it is now.
    pub(crate) async fn leftover(&self, path: &str) -> Result<Option<Leftover>, Error> {
        match self {
            Self::Fs(fs) => fs.leftover(path).await,
            Self::S3(bucket) => bucket.leftover(path).await,
        }
    }

    /// Deletes a leftover. Tells whether it was there.
    pub(crate) async fn delete_leftover(&self, leftover: &str) -> Result<bool, Error> {
        match self {
            Self::Fs(fs) => fs.delete_leftover(leftover).await,
            Self::S3(bucket) => bucket.delete_leftover(leftover).await,
        }
    }

    /// Whether there is anything in it beside `registry.json`.
    pub(crate) async fn is_empty(&self) -> Result<bool, Error> {
        use futures_util::StreamExt;

        for area in [Area::Applications, Area::Trust, Area::Blobs] {
            if self.list(area).next().await.transpose()?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many bytes are free, where that is known.
    pub(crate) async fn free_bytes(&self) -> Result<Option<u64>, Error> {
        match self {
            Self::Fs(fs) => fs.free_bytes().await.map(Some),
            Self::S3(_) => Ok(None),
        }
    }
}
