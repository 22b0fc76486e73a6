//! Multipart uploads. The bucket shows no object under the key until the upload is completed, so parts are
//! sent to the final key and nothing is copied.

use std::collections::HashSet;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    bucket::{Bucket, PUT, encryption_headers},
    client::{RequestBody, RetryPolicy, S3Error, S3Request, S3Response, etag},
};
use crate::{BucketProblem, Error};

const CONTENT_TYPE: (&str, &str) = ("content-type", "application/zstd");
const ABORT: &str = "s3:AbortMultipartUpload";
pub(super) const LIST_UPLOADS: &str = "s3:ListBucketMultipartUploads";
const LIST_PARTS: &str = "s3:ListMultipartUploadParts";

/// A multipart upload as a listing shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OpenUpload {
    pub(super) key: String,
    pub(super) upload_id: String,
    pub(super) initiated: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadsPage {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    uploads: Vec<OpenUpload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartsPage {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_part_number_marker: u64,
    #[serde(default, rename = "Part")]
    parts: Vec<ListedPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedPart {
    size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreatedUpload {
    upload_id: String,
}

impl Bucket {
    /// Returns the id of the new upload.
    pub(super) async fn create_upload(&self, path: &str) -> Result<String, Error> {
        let mut headers = encryption_headers(self.encryption.as_ref());
        headers.push(CONTENT_TYPE);
        let request = S3Request {
            method: Method::POST,
            key: Some(&self.prefix.key(path)),
            query: &[("uploads", "")],
            headers: &headers,
            ..S3Request::default()
        };
        let created: CreatedUpload = self
            .upload_request(PUT, &request)
            .await?
            .xml()
            .map_err(|error| self.problem(PUT, &error))?;
        Ok(created.upload_id)
    }

    /// Stores a part; the first has the number 0. Returns its `ETag`.
    pub(super) async fn put_part(
        &self,
        path: &str,
        upload: &str,
        number: u64,
        content: Vec<Bytes>,
    ) -> Result<String, Error> {
        let number = (number + 1).to_string();
        let request = S3Request {
            method: Method::PUT,
            key: Some(&self.prefix.key(path)),
            query: &[("partNumber", &number), ("uploadId", upload)],
            body: RequestBody::new(content).await?,
            ..S3Request::default()
        };
        let response = self.upload_request(PUT, &request).await?;
        etag(&response.headers).ok_or_else(|| {
            let reason = "the response has no ETag".to_owned();
            self.info.other(PUT, reason).into()
        })
    }

    async fn upload_request(
        &self,
        action: &'static str,
        request: &S3Request<'_>,
    ) -> Result<S3Response, BucketProblem> {
        let sent = self.client.send(request).await;
        sent.map_err(|error| self.info.upload_problem(action, &error))
    }

    /// Returns whether the upload existed.
    pub(super) async fn abort_upload(&self, path: &str, upload: &str) -> Result<bool, Error> {
        let request = S3Request {
            method: Method::DELETE,
            key: Some(&self.prefix.key(path)),
            query: &[("uploadId", upload)],
            ..S3Request::default()
        };
        match self.client.send(&request).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing_upload() => Ok(false),
            Err(error) => Err(self.problem(ABORT, &error).into()),
        }
    }

    /// Whether the bucket says that the upload no longer exists.
    pub(super) async fn is_missing_upload(&self, path: &str, upload: &str) -> bool {
        let request = S3Request {
            key: Some(&self.prefix.key(path)),
            query: &[("uploadId", upload), ("max-parts", "1")],
            retry: RetryPolicy::Short,
            ..S3Request::default()
        };
        let listed = self.client.send(&request).await;
        listed.is_err_and(|error| error.is_missing_upload())
    }

    /// The size of all stored parts. 0 if the upload no longer exists.
    pub(super) async fn parts_size(&self, path: &str, upload: &str) -> Result<u64, Error> {
        let (mut marker, mut size) = (0, 0);
        loop {
            let page = match self.parts_page(path, upload, marker).await {
                Err(error) if error.is_missing_upload() => return Ok(0),
                page => page.map_err(|error| self.problem(LIST_PARTS, &error))?,
            };
            size += page.parts.iter().map(|part| part.size).sum::<u64>();
            if !page.is_truncated || page.next_part_number_marker <= marker {
                return Ok(size);
            }
            marker = page.next_part_number_marker;
        }
    }

    async fn parts_page(&self, path: &str, upload: &str, after: u64) -> Result<PartsPage, S3Error> {
        let request = S3Request {
            key: Some(&self.prefix.key(path)),
            query: &[
                ("uploadId", upload),
                ("part-number-marker", &after.to_string()),
            ],
            ..S3Request::default()
        };
        self.client.send(&request).await?.xml()
    }

    /// Every upload whose key begins with the path. A service with faulty paging repeats a page; the listing
    /// then ends early.
    pub(super) async fn open_uploads(&self, path: &str) -> Result<Vec<OpenUpload>, Error> {
        let (mut found, mut known) = (Vec::new(), HashSet::new());
        let (mut key, mut id) = (String::new(), String::new());
        loop {
            let page = self.uploads_page(path, &key, &id).await;
            let page = page.map_err(|error| self.problem(LIST_UPLOADS, &error))?;
            let before = known.len();
            for upload in page.uploads {
                if known.insert((upload.key.clone(), upload.upload_id.clone())) {
                    found.push(upload);
                }
            }
            if !page.is_truncated || known.len() == before {
                return Ok(found);
            }
            (key, id) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }

    async fn uploads_page(&self, path: &str, key: &str, id: &str) -> Result<UploadsPage, S3Error> {
        let prefix = self.prefix.key(path);
        let mut query = vec![("uploads", ""), ("prefix", &*prefix)];
        let markers = [("key-marker", key), ("upload-id-marker", id)];
        query.extend(markers.into_iter().filter(|(_, marker)| !marker.is_empty()));
        let request = S3Request {
            query: &query,
            ..S3Request::default()
        };
        self.client.send(&request).await?.xml()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_of_uploads_is_parsed_with_and_without_uploads() {
        let parse = |text: &str| quick_xml::de::from_str::<UploadsPage>(text);
        let none = "<ListMultipartUploadsResult><Bucket>b</Bucket><KeyMarker/><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
        let none = parse(none).unwrap();
        assert!(none.uploads.is_empty() && !none.is_truncated);
        let two = r#"<?xml version="1.0" encoding="UTF-8"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><NextKeyMarker>k2</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker><MaxUploads>2</MaxUploads><IsTruncated>true</IsTruncated><Upload><Key>k1</Key><UploadId>u1</UploadId><Initiator><ID>x</ID></Initiator><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload><Upload><Key>k2</Key><UploadId>u2</UploadId><Initiated>2026-01-01T00:00:01.000Z</Initiated></Upload></ListMultipartUploadsResult>"#;
        let two = parse(two).unwrap();
        assert_eq!((two.uploads.len(), two.is_truncated), (2, true));
        assert_eq!(two.next_upload_id_marker, "u2");
        assert!(parse("not xml").is_err());
    }

    #[test]
    fn listing_of_parts_is_parsed_with_and_without_parts() {
        let parse = |text: &str| quick_xml::de::from_str::<PartsPage>(text).unwrap();
        let page = r#"<?xml version="1.0" encoding="UTF-8"?><ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId><PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>2</NextPartNumberMarker><MaxParts>2</MaxParts><IsTruncated>true</IsTruncated><Part><PartNumber>1</PartNumber><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"a"</ETag><Size>5242880</Size></Part><Part><PartNumber>2</PartNumber><ETag>"b"</ETag><Size>17</Size></Part></ListPartsResult>"#;
        let page = parse(page);
        let sizes: Vec<_> = page.parts.iter().map(|part| part.size).collect();
        assert_eq!(sizes, [5_242_880, 17]);
        assert_eq!((page.is_truncated, page.next_part_number_marker), (true, 2));
        let none = "<ListPartsResult><PartNumberMarker>0</PartNumberMarker><IsTruncated>false</IsTruncated></ListPartsResult>";
        let none = parse(none);
        assert!(none.parts.is_empty() && !none.is_truncated);
    }
}
