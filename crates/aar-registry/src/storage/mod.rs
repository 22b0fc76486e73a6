//! The storage of images and descriptors: a folder or a bucket.
//!
//! Descriptors are small JSON objects. They hold everything that was committed, so that the metadata can be
//! rebuilt from the storage alone.

mod backend;
mod content;
mod copy;
mod deadline;
mod fs;
mod object_key;
mod s3;
mod staged;

#[cfg(test)]
mod tests;

use std::ops::Deref;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

pub(crate) use backend::Backend;
pub use content::{Content, ReadImage};
#[cfg(test)]
pub(crate) use fs::StagedFile;
pub(crate) use object_key::{Area, ObjectKey};
pub(crate) use staged::{
    Checkpoint, Durable, Progress, Resumed, StagedId, StagedUpload, StagedWriter,
};

use crate::{Error, StorageOptions, UploadId, metrics::RequestMetrics};

/// The bytes of a blob, in pieces.
pub(crate) type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

#[derive(Debug)]
pub(crate) enum Storage {
    Fs(fs::FsStorage),
    S3(Box<s3::S3Storage>),
}

impl Storage {
    pub(crate) async fn open(options: &StorageOptions) -> Result<Self, Error> {
        match options {
            StorageOptions::Fs { root_directory } => {
                fs::FsStorage::open(root_directory).await.map(Self::Fs)
            }
            StorageOptions::S3(options) => {
                let bucket = s3::S3Storage::open(options).await?;
                Ok(Self::S3(Box::new(bucket)))
            }
        }
    }
}

impl Storage {
    /// The measurements of requests; a folder has none.
    pub(crate) fn metrics(&self) -> Option<&RequestMetrics> {
        match self {
            Self::Fs(_) => None,
            Self::S3(s3) => Some(s3.metrics()),
        }
    }
}

impl Deref for Storage {
    type Target = dyn Backend;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Fs(fs) => fs,
            Self::S3(s3) => &**s3,
        }
    }
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
    /// Changes when the object is replaced. Some services have none.
    pub(crate) tag: Option<String>,
}

impl Object {
    /// `None` if the registry has no such key.
    pub(crate) fn key(&self) -> Option<ObjectKey> {
        ObjectKey::parse(&self.path)
    }
}

/// A file or multipart upload of an upload or an interrupted write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leftover {
    /// The path below the root of the storage.
    pub(crate) path: String,
    /// The upload that its path names.
    pub(crate) upload: Option<UploadId>,
    /// The id of the multipart upload, if it is one.
    pub(crate) multipart: Option<String>,
    /// 0 for a multipart upload, which needs [a request](Backend::leftover_size).
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
}
