//! A bucket.
//!
//! The registry needs the permissions of the documented bucket policy and no other: objects are deleted one
//! by one and never copied; buckets are never created or described. S3 guarantees that objects appear whole
//! or not at all, and that a read sees every earlier write.

mod bucket;
mod bucket_info;
mod check;
mod client;
mod cloudfront;
mod complete;
mod credentials;
mod image_object;
mod leftovers;
mod multipart;
mod object_reader;
mod parts;
mod permits;
mod prefix;
mod refusal;
mod staged;
mod ttl;

use std::{sync::Arc, time::Duration};

use aar_types::{Clock, Digest};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use url::Url;

use self::{
    bucket::{Bucket, GET},
    bucket_info::BucketInfo,
    client::{BucketAddress, S3Client, http_client},
    cloudfront::CloudFront,
    credentials::{CredentialCache, CredentialSource},
    image_object::ImageObject,
    permits::UploadPermits,
    prefix::Prefix,
    staged::StagedParts,
};
use super::{
    Area, Backend, ByteStream, Content, Leftover, Object, ObjectKey, StagedId, StagedUpload,
};
use crate::{BucketProblem, Error, KeyOrigin, S3Options, metrics::RequestMetrics};

#[derive(Debug)]
pub(crate) struct S3Storage {
    bucket: Arc<Bucket>,
    redirect: bool,
    url_duration: Option<Duration>,
    cloudfront: Option<CloudFront>,
    /// Always the clock of the system: services check signatures with their clocks.
    clock: Clock,
}

impl S3Storage {
    /// Opens the bucket. The error names the setting to change.
    pub(super) async fn open(options: &S3Options) -> Result<Self, Error> {
        let storage = Self::new(options)?;
        storage.check().await?;
        Ok(storage)
    }

    fn new(options: &S3Options) -> Result<Self, BucketProblem> {
        let cloudfront = options.cloudfront.as_ref().map(CloudFront::new);
        Ok(Self {
            bucket: Arc::new(Bucket::new(options)?),
            redirect: options.redirect,
            url_duration: options.url_duration,
            cloudfront: cloudfront.transpose()?,
            clock: Clock::system(),
        })
    }

    pub(super) fn metrics(&self) -> &RequestMetrics {
        self.bucket.client.metrics()
    }

    pub(super) async fn has(&self, key: &ObjectKey) -> Result<bool, Error> {
        Ok(self.bucket.head(&key.to_string()).await?.is_some())
    }

    pub(super) async fn remove(&self, key: &ObjectKey) -> Result<(), Error> {
        self.bucket.delete(&key.to_string()).await
    }

    pub(super) fn is_silent(&self, time: Duration) -> Error {
        let reason = format!("it does not answer within {} seconds", time.as_secs());
        self.bucket.info.unreachable(reason).into()
    }

    async fn signed_url(&self, object: &Object) -> Result<Url, Error> {
        let key = self.bucket.prefix.key(&object.path);
        if let Some(cloudfront) = &self.cloudfront {
            return cloudfront.url(&key, object.size, self.clock.now());
        }
        let ttl = |left| ttl::of_presigned_url(object.size, self.url_duration, left);
        let signed = self.bucket.client.presign(&key, ttl).await;
        signed.map_err(|error| self.bucket.problem(GET, &error).into())
    }
}

impl Bucket {
    fn new(options: &S3Options) -> Result<Self, BucketProblem> {
        let address = BucketAddress::of(options);
        let address = address.map_err(|reason| BucketProblem::Endpoint { reason })?;
        let no_credentials = |reason: credentials::NoCredentials| BucketProblem::NoCredentials {
            bucket: options.bucket.clone(),
            reason: reason.to_string(),
        };
        let source = CredentialSource::choose(options).map_err(no_credentials)?;
        let info = BucketInfo {
            bucket: options.bucket.clone(),
            region: options.region.clone(),
            endpoint: address.endpoint,
            keys: KeyOrigin::from(&source),
        };
        let http = http_client().map_err(|error| info.other("connecting", error.to_string()))?;
        let credentials = CredentialCache::new(source, http.clone());
        Ok(Self {
            client: S3Client::new(http, address.url, options, credentials),
            info,
            prefix: Prefix::parse(&options.prefix)?,
            encryption: options.encryption.clone(),
            permits: UploadPermits::default(),
        })
    }
}

#[async_trait]
impl Backend for S3Storage {
    async fn put(&self, key: &ObjectKey, content: Bytes) -> Result<(), Error> {
        self.bucket.put(&key.to_string(), vec![content]).await
    }

    async fn put_new(&self, key: &ObjectKey, content: Bytes) -> Result<bool, Error> {
        self.bucket.put_new(&key.to_string(), content).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, Error> {
        self.bucket.get(&key.to_string()).await
    }

    /// The response of S3 does not say whether the object existed.
    async fn delete(&self, key: &ObjectKey) -> Result<bool, Error> {
        let existed = self.has(key).await?;
        self.remove(key).await?;
        Ok(existed)
    }

    fn list(&self, area: Area) -> BoxStream<'static, Result<Object, Error>> {
        self.bucket.list(area.name())
    }

    async fn blob_object(&self, digest: &Digest) -> Result<Option<Object>, Error> {
        self.bucket
            .head(&ObjectKey::Blob(*digest).to_string())
            .await
    }

    async fn open_blob(&self, digest: &Digest, size: u64) -> Result<Option<Content>, Error> {
        let Some(object) = self.blob_object(digest).await? else {
            return Ok(None);
        };
        if object.size != size {
            return Err(Error::ImageDamaged { digest: *digest });
        }
        if self.redirect {
            let url = self.signed_url(&object).await?;
            return Ok(Some(Content::Redirect(url)));
        }
        let image = ImageObject::new(Bucket::clone(&self.bucket), object);
        Ok(Some(Content::Bytes(Box::new(image))))
    }

    async fn read_blob(&self, digest: &Digest) -> Result<Option<ByteStream>, Error> {
        let reader = self
            .bucket
            .open(&ObjectKey::Blob(*digest).to_string())
            .await?;
        let bucket = Arc::clone(&self.bucket);
        Ok(reader.map(|reader| {
            let bytes = reader.into_stream();
            let bytes = bytes.map_err(move |error| Error::from(bucket.problem(GET, &error)));
            bytes.boxed()
        }))
    }

    fn largest_blob(&self) -> u64 {
        parts::LARGEST_OBJECT
    }

    async fn begin_staging(&self, id: &StagedId) -> Result<Option<String>, Error> {
        let blob = ObjectKey::Blob(id.digest).to_string();
        self.bucket.create_upload(&blob).await.map(Some)
    }

    fn staged(&self, id: StagedId) -> Box<dyn StagedUpload> {
        Box::new(StagedParts::new(Arc::clone(&self.bucket), id))
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Error> {
        self.bucket.leftovers().await
    }

    async fn leftover_size(&self, leftover: &Leftover) -> Result<u64, Error> {
        self.bucket.leftover_size(leftover).await
    }

    async fn leftover(&self, path: &str) -> Result<Option<Leftover>, Error> {
        self.bucket.leftover(path).await
    }

    async fn delete_leftover(&self, path: &str) -> Result<bool, Error> {
        self.bucket.delete_leftover(path).await
    }
}
