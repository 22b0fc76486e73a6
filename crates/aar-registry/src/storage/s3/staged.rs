//! An upload as a multipart upload of the blob.
//!
//! The bytes of a request after its last full part are the tail. They are stored as a separate object until
//! the next request continues there. If the tail is lost, the upload continues at the end of its last part.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};

use super::{bucket::Bucket, client::RetryPolicy, parts};
use crate::{
    BucketProblem, Error,
    storage::{
        ObjectKey, StagedId, object_key,
        staged::{CheckpointPolicy, CheckpointTask, Progress, Resumed, StagedUpload, StoredPart},
    },
    tasks::blocking,
};

pub(super) struct StagedParts {
    bucket: Arc<Bucket>,
    id: StagedId,
    part_size: u64,
    /// The number of the next part.
    number: u64,
    /// The offset of that part.
    start: u64,
    filling: Vec<Bytes>,
    filled: u64,
    has_tail: bool,
}

impl StagedParts {
    pub(super) fn new(bucket: Arc<Bucket>, id: StagedId) -> Self {
        Self {
            bucket,
            part_size: parts::size_of(id.length),
            id,
            number: 0,
            start: 0,
            filling: Vec::new(),
            filled: 0,
            has_tail: true,
        }
    }

    fn blob(&self) -> String {
        ObjectKey::Blob(self.id.digest).to_string()
    }

    fn tail(&self) -> String {
        object_key::staged(self.id.upload)
    }

    fn multipart(&self) -> Result<&str, Error> {
        let id = self.id.upload;
        let multipart = self.id.multipart.as_deref();
        multipart.ok_or(Error::UploadNotFound { id })
    }

    /// Another process that writes to the same upload may have replaced the tail.
    async fn read_tail(&self, progress: &Progress) -> Result<Option<Bytes>, Error> {
        let size = progress.durable.offset - progress.last_part.offset;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some(mut tail) = self.bucket.get(&self.tail()).await? else {
            return Ok(None);
        };
        if tail.len() < size {
            return Ok(None);
        }
        tail.truncate(size);
        let mut hasher = progress.last_part.hasher.clone();
        let expected = progress.durable.hasher.save();
        blocking(move || {
            hasher.update(&tail);
            Ok((hasher.save() == expected).then_some(tail))
        })
        .await
    }

    /// Sends the buffered part, as soon as the limit of bytes in flight permits.
    async fn send_part(&mut self) -> Result<CheckpointTask, Error> {
        let content = std::mem::take(&mut self.filling);
        let size = std::mem::take(&mut self.filled);
        let number = self.number;
        self.number += 1;
        self.start += size;
        let permit = self.bucket.permits.acquire(size).await;
        let (bucket, blob, id) = (Arc::clone(&self.bucket), self.blob(), self.id.upload);
        let multipart = self.multipart()?.to_owned();
        let send = async move {
            let _permit = permit;
            match bucket.put_part(&blob, &multipart, number, content).await {
                Ok(etag) => Ok(Some(StoredPart { number, size, etag })),
                Err(Error::Bucket(BucketProblem::NoSuchUpload { .. })) => {
                    Err(Error::UploadNotFound { id })
                }
                Err(error) => Err(error),
            }
        };
        Ok(send.boxed())
    }

    fn send_tail(&mut self) -> CheckpointTask {
        self.has_tail = true;
        let (bucket, tail) = (Arc::clone(&self.bucket), self.tail());
        let content = self.filling.clone();
        async move { bucket.put(&tail, content).await.map(|()| None) }.boxed()
    }

    async fn delete_tail(&self) -> Result<(), Error> {
        self.bucket.delete(&self.tail()).await
    }
}

#[async_trait]
impl StagedUpload for StagedParts {
    fn checkpoints(&self) -> CheckpointPolicy {
        CheckpointPolicy {
            interval: self.part_size,
            in_flight: parts::in_flight(self.part_size),
        }
    }

    async fn resume(&mut self, progress: &Progress) -> Result<Resumed, Error> {
        self.number = progress.parts;
        self.start = progress.last_part.offset;
        self.has_tail = progress.durable.offset > 0;
        if progress.durable.offset == self.start {
            return Ok(Resumed::AtDurable);
        }
        let Some(tail) = self.read_tail(progress).await? else {
            return Ok(Resumed::AtLastPart);
        };
        self.filled = tail.len() as u64;
        self.filling = vec![tail];
        Ok(Resumed::AtDurable)
    }

    fn append(&mut self, piece: Bytes) -> BoxFuture<'static, Result<(), Error>> {
        self.filled += piece.len() as u64;
        self.filling.push(piece);
        ready(Ok(())).boxed()
    }

    async fn checkpoint(&mut self) -> Result<CheckpointTask, Error> {
        let is_last = self.start + self.filled == self.id.length;
        if self.filled == self.part_size || is_last {
            self.send_part().await
        } else {
            Ok(self.send_tail())
        }
    }

    async fn finish(&mut self, parts: &[String]) -> Result<bool, Error> {
        let (blob, length) = (self.blob(), self.id.length);
        let upload = self.multipart()?;
        let completed = self.bucket.complete_upload(&blob, length, upload, parts);
        if !completed.await? {
            return Ok(false);
        }
        let object = self.bucket.head_with(&blob, RetryPolicy::Short).await?;
        if object.is_none_or(|object| object.size != length) {
            return Ok(false);
        }
        if self.has_tail
            && let Err(error) = self.delete_tail().await
        {
            tracing::warn!(%error, id = %self.id.upload, "the tail of an upload is left for garbage collection");
        }
        Ok(true)
    }

    async fn abort(&mut self) -> Result<(), Error> {
        if let Ok(upload) = self.multipart() {
            self.bucket.abort_upload(&self.blob(), upload).await?;
        }
        if self.has_tail {
            self.delete_tail().await?;
        }
        Ok(())
    }
}
