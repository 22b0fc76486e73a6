//! A bucket as the storage.
//!
//! It needs the rights that the bucket policy of the original grants and no other: objects are
//! deleted one by one, never copied, and the bucket is never created or described. Objects appear
//! whole or not at all, and what was written is read by whoever asks next: S3 promises both.

mod check;
mod cloudfront;
mod complete;
mod connect;
mod credentials;
mod image;
mod leftovers;
mod life;
mod limit;
mod multipart;
mod origin;
pub(crate) mod parts;
mod prefix;
mod problem;
mod request;
mod retry;
mod under_way;

use std::{sync::Arc, time::Duration};

use aar_types::{Clock, Digest};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use http::{Method, StatusCode};
use jiff::Timestamp;
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload, aws::AmazonS3, path::Path, signer::Signer,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use cloudfront::CloudFront;
pub use cloudfront::CloudFrontProblem;
pub use image::ImageObject;
pub use origin::KeyOrigin;
pub use problem::BucketProblem;

use self::{
    credentials::Credentials,
    prefix::Prefix,
    problem::Place,
    request::{Ask, Requests},
};
use super::{Area, Content, Key, Object, keys};
use crate::{Encryption, Error, S3Options, UploadId};

/// How many MiB may be on their way at a time, over all uploads.
const ROOM: u32 = 64;

/// A bucket.
#[derive(Debug)]
pub(crate) struct S3Storage {
    store: Arc<AmazonS3>,
    credentials: Arc<Credentials>,
    requests: Requests,
    place: Place,
    prefix: Prefix,
    redirect: bool,
    encryption: Option<Encryption>,
    url_duration: Option<Duration>,
    cloudfront: Option<CloudFront>,
    /// In MiB: how much all uploads together may have on its way.
    room: Arc<Semaphore>,
    /// The system's, always: others check what is signed against theirs.
    clock: Clock,
}

impl S3Storage {
    /// Speaks to the bucket, or tells what to change so that it can.
    pub(super) async fn open(options: &S3Options) -> Result<Self, Error> {
        let bucket = Self::new(options)?;
        bucket.check().await?;
        Ok(bucket)
    }

    fn new(options: &S3Options) -> Result<Self, BucketProblem> {
        let connection = connect::connect(options)?;
        let place = connection.place;
        let requests = Requests::new(connection.client, connection.url, place.clone());
        let cloudfront = options.cloudfront.as_ref().map(CloudFront::new);
        Ok(Self {
            store: Arc::new(connection.store),
            credentials: connection.credentials,
            requests,
            place,
            prefix: Prefix::of(&options.prefix)?,
            redirect: options.redirect,
            encryption: options.encryption.clone(),
            url_duration: options.url_duration,
            cloudfront: cloudfront.transpose()?,
            room: Arc::new(Semaphore::new(ROOM as usize)),
            clock: Clock::system(),
        })
    }

    /// Waits until there is room for a part on its way. One that is larger than all the room goes
    /// alone.
    pub(crate) async fn room_for(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let mib = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(ROOM);
        let room = Arc::clone(&self.room).acquire_many_owned(mib.min(ROOM));
        room.await.ok()
    }

    fn path(&self, key: &Key) -> Path {
        self.key(&key.path())
    }

    fn rest(&self, id: UploadId) -> Path {
        self.key(&Path::from(keys::staged(id)))
    }

    /// The key in the bucket.
    fn key(&self, path: &Path) -> Path {
        self.prefix.key(path)
    }

    fn failed(&self, action: &'static str, error: &object_store::Error) -> Error {
        self.place.problem(action, error).into()
    }

    /// It has not answered for so long.
    pub(super) fn is_silent(&self, time: Duration) -> Error {
        let reason = format!("it does not answer within {} seconds", time.as_secs());
        self.place.silent(reason).into()
    }

    pub(super) async fn put(&self, key: &Key, content: Bytes) -> Result<(), Error> {
        let path = self.path(key);
        let put = self.store.put(&path, PutPayload::from(content)).await;
        put.map(drop)
            .map_err(|error| self.failed("s3:PutObject", &error))
    }

    /// Writes a text unless something is there. Some services take the condition and ignore it,
    /// some refuse it, so the object is looked at before and after.
    pub(super) async fn put_new(&self, key: &Key, content: Bytes) -> Result<bool, Error> {
        if self.get(key).await?.is_some() {
            return Ok(false);
        }
        let path = self.path(key);
        let mut headers = connect::encryption_headers(self.encryption.as_ref());
        headers.push(("if-none-match", "*"));
        let ask = Ask {
            method: Method::PUT,
            key: Some(&path),
            headers: &headers,
            body: content.clone(),
            ..Ask::default()
        };
        let answer = self.requests.ask(&self.credentials, ask).await?;
        match answer.status {
            status if status.is_success() => {}
            // It may be there by an attempt whose answer was lost.
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => {}
            StatusCode::NOT_IMPLEMENTED | StatusCode::BAD_REQUEST => {
                self.put(key, content.clone()).await?;
            }
            _ => {
                let problem = self.place.refused("s3:PutObject", answer.refusal());
                return Err(problem.into());
            }
        }
        Ok(self.get(key).await? == Some(content))
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, Error> {
        let found = match self.store.get(&self.path(key)).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        self.or_nothing(key, "s3:GetObject", found)
    }

    /// "Not there" as a value, unless it is the bucket that is not there.
    fn or_nothing<T>(
        &self,
        key: &Key,
        action: &'static str,
        result: object_store::Result<T>,
    ) -> Result<Option<T>, Error> {
        let error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        match self.place.problem(action, &error) {
            BucketProblem::NotFound { .. } => Ok(None),
            problem => {
                tracing::debug!(%key, action, "the bucket refuses");
                Err(problem.into())
            }
        }
    }

    /// Deletes an object. S3 answers alike whether it was there or not, so it is looked at before.
    pub(super) async fn delete(&self, key: &Key) -> Result<bool, Error> {
        let found = self.has(key).await?;
        self.remove(key).await?;
        Ok(found)
    }

    pub(super) async fn remove(&self, key: &Key) -> Result<(), Error> {
        self.delete_object(&self.path(key)).await
    }

    pub(super) async fn has(&self, key: &Key) -> Result<bool, Error> {
        let found = self.store.head(&self.path(key)).await;
        Ok(self.or_nothing(key, "s3:GetObject", found)?.is_some())
    }

    /// Deletes what lies there, if anything does. It can be asked for as often as needed.
    async fn delete_object(&self, path: &Path) -> Result<(), Error> {
        let ask = Ask {
            method: Method::DELETE,
            key: Some(path),
            ..Ask::default()
        };
        let action = "s3:DeleteObject";
        let deleted = self.requests.send(&self.credentials, action, ask).await;
        match deleted {
            Ok(_) | Err(BucketProblem::NotFound { .. }) => Ok(()),
            Err(problem) => Err(problem.into()),
        }
    }

    pub(super) fn list(&self, area: Area) -> BoxStream<'static, Result<Object, Error>> {
        let (place, prefix) = (self.place.clone(), self.prefix.clone());
        let found = self.store.list(Some(&self.key(&area.prefix())));
        found
            .map(move |object| {
                let meta =
                    object.map_err(|error| Error::from(place.problem("s3:ListBucket", &error)))?;
                let mut object = read_object(meta);
                if let Some(below) = prefix.below(&object.path) {
                    object.path = below;
                }
                Ok(object)
            })
            .boxed()
    }

    pub(super) async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        Ok(self.look(digest).await?.map(|meta| meta.size))
    }

    pub(super) async fn blob_object(&self, digest: &Digest) -> Result<Option<Object>, Error> {
        Ok(self.look(digest).await?.map(|meta| Object {
            path: Key::Blob(*digest).path(),
            ..read_object(meta)
        }))
    }

    async fn look(&self, digest: &Digest) -> Result<Option<ObjectMeta>, Error> {
        let key = Key::Blob(*digest);
        let found = self.store.head(&self.path(&key)).await;
        self.or_nothing(&key, "s3:GetObject", found)
    }

    /// Where whoever wants the blob, which has this size, is sent, or the blob itself.
    pub(super) async fn open_blob(
        &self,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<Content>, Error> {
        let Some(meta) = self.look(digest).await? else {
            return Ok(None);
        };
        if meta.size != size {
            return Err(Error::ImageDamaged { digest: *digest });
        }
        if !self.redirect {
            let image = ImageObject::new(Arc::clone(&self.store), self.place.clone(), meta);
            return Ok(Some(Content::Object(image)));
        }
        let now = self.clock.now();
        let url = match &self.cloudfront {
            Some(cloudfront) => cloudfront.address(meta.location.as_ref(), meta.size, now)?,
            None => self.presigned(&meta, now).await?,
        };
        Ok(Some(Content::Redirect(url)))
    }

    async fn presigned(&self, meta: &ObjectMeta, now: Timestamp) -> Result<url::Url, Error> {
        let lease = self.credentials.lease().await;
        let lease = lease.map_err(|reason| self.place.no_credentials(&reason))?;
        let life = life::of_presigned(meta.size, self.url_duration, lease.left(now));
        let signed = self
            .store
            .signed_url(Method::GET, &meta.location, life)
            .await;
        signed.map_err(|error| self.failed("s3:GetObject", &error))
    }

    /// The bytes of a blob.
    pub(crate) async fn read_blob(
        &self,
        digest: &Digest,
    ) -> Result<Option<BoxStream<'static, Result<Bytes, Error>>>, Error> {
        let key = Key::Blob(*digest);
        let found = self.store.get(&self.path(&key)).await;
        let found = self.or_nothing(&key, "s3:GetObject", found)?;
        let place = self.place.clone();
        Ok(found.map(|found| {
            let bytes = found.into_stream();
            bytes
                .map_err(move |error| Error::from(place.problem("s3:GetObject", &error)))
                .boxed()
        }))
    }

    pub(super) async fn hash_blob(&self, digest: &Digest) -> Result<Option<(u64, Digest)>, Error> {
        let Some(mut bytes) = self.read_blob(digest).await? else {
            return Ok(None);
        };
        let (mut hasher, mut size) = (Sha256::new(), 0);
        while let Some(piece) = bytes.try_next().await? {
            hasher.update(&piece);
            size += piece.len() as u64;
        }
        Ok(Some((size, Digest::from_bytes(hasher.finalize().into()))))
    }
}

fn read_object(meta: ObjectMeta) -> Object {
    let micros = meta.last_modified.timestamp_micros();
    Object {
        path: meta.location,
        size: meta.size,
        modified: Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH),
        tag: meta.e_tag,
    }
}
