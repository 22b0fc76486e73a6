//! Objects of a bucket.

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    bucket_info::BucketInfo,
    client::{
        RequestBody, RetryPolicy, S3Client, S3Error, S3Request, content_length, etag, last_modified,
    },
    object_reader::ObjectReader,
    permits::UploadPermits,
    prefix::Prefix,
};
use crate::{BucketProblem, Encryption, Error, storage::Object};

pub(super) const GET: &str = "s3:GetObject";
pub(super) const PUT: &str = "s3:PutObject";
const LIST: &str = "s3:ListBucket";
const DELETE: &str = "s3:DeleteObject";

/// A bucket below a prefix. Paths are those of the registry, without the prefix.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) client: S3Client,
    pub(super) info: BucketInfo,
    pub(super) prefix: Prefix,
    pub(super) encryption: Option<Encryption>,
    pub(super) permits: UploadPermits,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ObjectsPage {
    #[serde(default)]
    next_continuation_token: Option<String>,
    #[serde(default)]
    contents: Vec<ListedObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedObject {
    key: String,
    size: u64,
    last_modified: Timestamp,
    #[serde(rename = "ETag", default)]
    etag: Option<String>,
}

impl Bucket {
    pub(super) fn problem(&self, action: &'static str, error: &S3Error) -> BucketProblem {
        self.info.problem(action, error)
    }

    pub(super) async fn send(
        &self,
        action: &'static str,
        request: &S3Request<'_>,
    ) -> Result<(), Error> {
        let sent = self.client.send(request).await;
        sent.map(drop)
            .map_err(|error| self.problem(action, &error).into())
    }

    pub(super) async fn put(&self, path: &str, pieces: Vec<Bytes>) -> Result<(), Error> {
        let request = S3Request {
            method: Method::PUT,
            key: Some(&self.prefix.key(path)),
            headers: &encryption_headers(self.encryption.as_ref()),
            body: RequestBody::new(pieces).await?,
            ..S3Request::default()
        };
        self.send(PUT, &request).await
    }

    /// Some services ignore the condition, others refuse it, so the object is read before and after.
    pub(super) async fn put_new(&self, path: &str, content: Bytes) -> Result<bool, Error> {
        if self.get(path).await?.is_some() {
            return Ok(false);
        }
        let mut headers = encryption_headers(self.encryption.as_ref());
        headers.push(("if-none-match", "*"));
        let request = S3Request {
            method: Method::PUT,
            key: Some(&self.prefix.key(path)),
            headers: &headers,
            body: RequestBody::small(content.clone()),
            ..S3Request::default()
        };
        let status = match self.client.send(&request).await {
            Ok(response) => response.status,
            Err(S3Error::Refused(refusal)) if is_about_condition(refusal.status) => refusal.status,
            Err(error) => return Err(self.problem(PUT, &error).into()),
        };
        if matches!(
            status,
            StatusCode::NOT_IMPLEMENTED | StatusCode::BAD_REQUEST
        ) {
            self.put(path, vec![content.clone()]).await?;
        }
        // The object may be from an attempt whose response was lost.
        Ok(self.get(path).await? == Some(content))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Option<Bytes>, Error> {
        let Some(reader) = self.open(path).await? else {
            return Ok(None);
        };
        let read = reader.read_to_end().await;
        read.map(Some)
            .map_err(|error| self.problem(GET, &error).into())
    }

    pub(super) async fn open(&self, path: &str) -> Result<Option<ObjectReader>, Error> {
        let reader = ObjectReader::open(&self.client, self.prefix.key(path)).await;
        S3Error::or_missing(reader).map_err(|error| self.problem(GET, &error).into())
    }

    pub(super) async fn head(&self, path: &str) -> Result<Option<Object>, Error> {
        self.head_with(path, RetryPolicy::default()).await
    }

    pub(super) async fn head_with(
        &self,
        path: &str,
        retry: RetryPolicy,
    ) -> Result<Option<Object>, Error> {
        let request = S3Request {
            method: Method::HEAD,
            key: Some(&self.prefix.key(path)),
            retry,
            ..S3Request::default()
        };
        let response = S3Error::or_missing(self.client.send(&request).await)
            .map_err(|error| self.problem(GET, &error))?;
        Ok(response.map(|response| Object {
            path: path.to_owned(),
            size: content_length(&response.headers).unwrap_or(0),
            modified: last_modified(&response.headers).unwrap_or(Timestamp::UNIX_EPOCH),
            tag: etag(&response.headers),
        }))
    }

    /// Deletes the object if it exists. Idempotent.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Error> {
        let request = S3Request {
            method: Method::DELETE,
            key: Some(&self.prefix.key(path)),
            ..S3Request::default()
        };
        match self.client.send(&request).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_missing_object() => Ok(()),
            Err(error) => Err(self.problem(DELETE, &error).into()),
        }
    }

    /// Every object below a path, which has no slash at its end.
    pub(super) fn list(&self, below: &str) -> BoxStream<'static, Result<Object, Error>> {
        let first = Some(String::new());
        let (bucket, key) = (self.clone(), self.prefix.key(&format!("{below}/")));
        let pages = stream::try_unfold(first, move |token| {
            let (bucket, key) = (bucket.clone(), key.clone());
            async move {
                let Some(token) = token else {
                    return Ok(None);
                };
                let page = bucket.page(&key, &token).await?;
                let objects = page.contents.into_iter();
                let objects: Vec<_> = objects.filter_map(|one| bucket.listed(one)).collect();
                Ok::<_, Error>(Some((objects, page.next_continuation_token)))
            }
        });
        pages
            .map_ok(|objects| stream::iter(objects).map(Ok))
            .try_flatten()
            .boxed()
    }

    async fn page(&self, prefix: &str, token: &str) -> Result<ObjectsPage, BucketProblem> {
        let mut query = vec![("list-type", "2"), ("prefix", prefix)];
        if !token.is_empty() {
            query.push(("continuation-token", token));
        }
        let request = S3Request {
            query: &query,
            ..S3Request::default()
        };
        let page = match self.client.send(&request).await {
            Ok(response) => response.xml(),
            Err(error) => Err(error),
        };
        page.map_err(|error| self.problem(LIST, &error))
    }

    fn listed(&self, object: ListedObject) -> Option<Object> {
        Some(Object {
            path: self.prefix.path(&object.key)?.to_owned(),
            size: object.size,
            modified: object.last_modified,
            tag: object.etag.filter(|etag| !etag.is_empty()),
        })
    }
}

/// Whether a write of a new object was refused because of its condition.
fn is_about_condition(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::PRECONDITION_FAILED
            | StatusCode::CONFLICT
            | StatusCode::NOT_IMPLEMENTED
            | StatusCode::BAD_REQUEST
    )
}

pub(super) fn encryption_headers(encryption: Option<&Encryption>) -> Vec<(&'static str, &str)> {
    const KIND: &str = "x-amz-server-side-encryption";
    const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
    match encryption {
        None => Vec::new(),
        Some(Encryption::Aes256) => vec![(KIND, "AES256")],
        Some(Encryption::Kms { key_id }) => {
            let key = key_id.as_deref().map(|id| (KEY, id));
            [(KIND, "aws:kms")].into_iter().chain(key).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_requested_as_configured() {
        const KIND: &str = "x-amz-server-side-encryption";
        const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
        let kms = |id: Option<&str>| Encryption::Kms {
            key_id: id.map(str::to_owned),
        };
        for (encryption, expected) in [
            (None, &[][..]),
            (Some(Encryption::Aes256), &[(KIND, "AES256")]),
            (Some(kms(None)), &[(KIND, "aws:kms")]),
            (Some(kms(Some("key"))), &[(KIND, "aws:kms"), (KEY, "key")]),
        ] {
            assert_eq!(encryption_headers(encryption.as_ref()), expected);
        }
    }

    #[test]
    fn listing_is_parsed_with_and_without_objects() {
        let parse = |text: &str| quick_xml::de::from_str::<ObjectsPage>(text).unwrap();
        let none = parse(
            "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>",
        );
        assert!(none.contents.is_empty() && none.next_continuation_token.is_none());
        let two = parse(
            r#"<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>trust/</Prefix><IsTruncated>true</IsTruncated><NextContinuationToken>more+=</NextContinuationToken><Contents><Key>trust/a</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;x-1&quot;</ETag><Size>3</Size><StorageClass>STANDARD</StorageClass></Contents><Contents><Key>trust/b</Key><LastModified>2026-01-01T00:00:01Z</LastModified><Size>4</Size><Owner><ID>o</ID></Owner></Contents></ListBucketResult>"#,
        );
        assert_eq!(two.next_continuation_token.as_deref(), Some("more+="));
        let found: Vec<_> = two
            .contents
            .iter()
            .map(|one| (&*one.key, one.size))
            .collect();
        assert_eq!(found, [("trust/a", 3), ("trust/b", 4)]);
        assert_eq!(two.contents[0].etag.as_deref(), Some("\"x-1\""));
    }
}
