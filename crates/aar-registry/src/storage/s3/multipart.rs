//! Uploads on their way into the bucket: parts on the final key, and what does not make a part yet.
//!
//! The bucket shows nothing under the key until the parts are put together, so the key of the blob
//! is the place where they are gathered; nothing is copied. What a request leaves behind that is
//! smaller than a part is kept as an object of its own, named after the upload, until the next
//! request continues there.

use aar_types::Digest;
use bytes::Bytes;
use http::Method;
use object_store::{
    Attribute, Attributes, ObjectStoreExt, PutMultipartOptions, PutPayload,
    multipart::MultipartStore, path::Path,
};

use super::{S3Storage, problem::is_timeout, request::Ask};
use crate::{Error, UploadId, metadata::UploadRow, storage::Key};

const CONTENT_TYPE: &str = "application/zstd";

impl S3Storage {
    /// Begins to gather parts for a blob. Gives the name under which the bucket gathers them.
    pub(crate) async fn begin_parts(&self, digest: &Digest) -> Result<String, Error> {
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, CONTENT_TYPE.into());
        let options = PutMultipartOptions {
            attributes,
            ..PutMultipartOptions::default()
        };
        let path = self.path(&Key::Blob(*digest));
        let begun = self.store.create_multipart_opts(&path, options).await;
        begun.map_err(|error| self.upload_failed(&error))
    }

    fn upload_failed(&self, error: &object_store::Error) -> Error {
        let problem = self.place.problem("s3:PutObject", error);
        self.place.of_upload(problem).into()
    }

    /// Stores a part, the first being 0. Gives what the bucket calls it.
    pub(crate) async fn put_part(
        &self,
        digest: &Digest,
        multipart: &str,
        number: u64,
        content: Vec<Bytes>,
    ) -> Result<String, Error> {
        let path = self.path(&Key::Blob(*digest));
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let id = multipart.to_owned();
        let payload = PutPayload::from_iter(content);
        let send = || self.store.put_part(&path, &id, number, payload.clone());
        let put = once_more(send).await;
        put.map(|part| part.content_id)
            .map_err(|error| self.upload_failed(&error))
    }

    /// Gives up the parts that were gathered.
    pub(crate) async fn abort_parts(
        &self,
        digest: &Digest,
        multipart: &str,
    ) -> Result<bool, Error> {
        let path = self.path(&Key::Blob(*digest));
        self.abort(&path, multipart).await
    }

    /// Gives up what is gathered under a key of the bucket. Tells whether it was there.
    pub(super) async fn abort(&self, key: &Path, multipart: &str) -> Result<bool, Error> {
        let ask = Ask {
            method: Method::DELETE,
            key: Some(key),
            query: &[("uploadId", multipart)],
            ..Ask::default()
        };
        let action = "s3:AbortMultipartUpload";
        match self.requests.send(&self.credentials, action, ask).await {
            Ok(_) => Ok(true),
            Err(problem) if problem.is_no_upload() => Ok(false),
            Err(problem) => Err(problem.into()),
        }
    }

    /// Gives up everything that an upload has brought.
    pub(crate) async fn discard(&self, row: &UploadRow) -> Result<(), Error> {
        if let Some(multipart) = &row.multipart {
            self.abort_parts(&row.digest, multipart).await?;
        }
        self.delete_rest(row.id).await
    }

    /// Keeps what does not make a part yet.
    pub(crate) async fn put_rest(&self, id: UploadId, content: Vec<Bytes>) -> Result<(), Error> {
        let path = self.rest(id);
        let payload = PutPayload::from_iter(content);
        let put = once_more(|| self.store.put(&path, payload.clone())).await;
        put.map(drop)
            .map_err(|error| self.failed("s3:PutObject", &error))
    }

    /// What was kept of an upload, as far as that is longer than what is asked for.
    pub(crate) async fn rest_of(&self, id: UploadId, size: u64) -> Result<Option<Bytes>, Error> {
        let found = match self.store.get(&self.rest(id)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed("s3:GetObject", &error)),
        };
        if found.meta.size < size {
            return Ok(None);
        }
        let bytes = found.bytes().await;
        let mut bytes = bytes.map_err(|error| self.failed("s3:GetObject", &error))?;
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(Some(bytes))
    }

    /// Deletes what was kept of an upload beside its parts.
    pub(crate) async fn delete_rest(&self, id: UploadId) -> Result<(), Error> {
        self.delete_object(&self.rest(id)).await
    }
}

/// Sends what is large, and once more when no answer came in time: that alone can take longer than
/// requests are tried.
async fn once_more<T, F>(send: impl Fn() -> F) -> object_store::Result<T>
where
    F: Future<Output = object_store::Result<T>>,
{
    match send().await {
        Err(error) if is_timeout(&error) => {
            tracing::info!("what is sent to the bucket takes too long, and is sent once more");
            send().await
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use object_store::client::{HttpError, HttpErrorKind};

    use super::*;

    fn failed(kind: HttpErrorKind) -> object_store::Error {
        object_store::Error::Generic {
            store: "S3",
            source: HttpError::new(kind, std::fmt::Error).into(),
        }
    }

    async fn sent(kinds: &[HttpErrorKind]) -> (usize, bool) {
        let sent = Cell::new(0);
        let outcome = once_more(async || {
            let failure = kinds.get(sent.get());
            sent.set(sent.get() + 1);
            failure.map_or(Ok(()), |kind| Err(failed(*kind)))
        });
        let done = outcome.await.is_ok();
        (sent.get(), done)
    }

    #[tokio::test]
    async fn what_was_not_sent_in_time_is_sent_once_more_and_not_again() {
        use HttpErrorKind::{Connect, Timeout};

        assert_eq!(sent(&[]).await, (1, true));
        assert_eq!(sent(&[Timeout]).await, (2, true));
        assert_eq!(sent(&[Timeout, Timeout]).await, (2, false));
        assert_eq!(sent(&[Connect]).await, (1, false));
    }
}
