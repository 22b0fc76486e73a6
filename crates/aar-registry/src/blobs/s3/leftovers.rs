//! What uploads have left in the bucket: parts that nobody put together, and rests of requests.

use futures_util::TryStreamExt;
use http::Method;
use jiff::Timestamp;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, de::DeserializeOwned};

use super::{S3Blobs, read_object, request::Ask};
use crate::{
    BucketProblem, Error,
    blobs::{Area, Leftover, keys},
};

const ACTION: &str = "s3:ListBucketMultipartUploads";
const PARTS: &str = "s3:ListMultipartUploadParts";
/// Between the key and the name under which parts are gathered. No key has it.
const GATHERED: &str = "?uploadId=";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Gathered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Gathered {
    key: String,
    upload_id: String,
    initiated: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartsPage {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_part_number_marker: u64,
    #[serde(default, rename = "Part")]
    parts: Vec<PartSize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartSize {
    size: u64,
}

impl S3Blobs {
    pub(crate) async fn leftovers(&self) -> Result<Vec<Leftover>, Error> {
        let mut found = self
            .gathered(&self.full(Area::Blobs.prefix().as_ref()))
            .await?;
        let prefix = self.join(&Area::Staging.prefix());
        let mut rests = self.store.list(Some(&prefix));
        loop {
            let rest = rests.try_next().await;
            let rest = rest.map_err(|error| self.failed("s3:ListBucket", &error))?;
            let Some(rest) = rest else {
                return Ok(found);
            };
            found.push(self.rest_left(rest));
        }
    }

    /// The leftover at this place, as it is now.
    pub(crate) async fn leftover(&self, path: &str) -> Result<Option<Leftover>, Error> {
        if let Some((key, _)) = path.split_once(GATHERED) {
            let found = self.gathered(&self.full(key)).await?;
            return Ok(found.into_iter().find(|one| one.path == path));
        }
        match self.store.head(&self.join(&path.into())).await {
            Ok(meta) => Ok(Some(self.rest_left(meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("s3:GetObject", &error)),
        }
    }

    /// How many bytes a leftover takes. Those of parts are asked for, page by page.
    pub(crate) async fn leftover_size(&self, leftover: &Leftover) -> Result<u64, Error> {
        let Some((key, multipart)) = leftover.path.split_once(GATHERED) else {
            return Ok(leftover.size);
        };
        let (key, mut marker, mut size) = (self.full(key), 0, 0);
        loop {
            let page = match self.parts_page(&key, multipart, marker).await {
                // It has gone meanwhile.
                Err(Error::Bucket(BucketProblem::NotFound { .. })) => return Ok(0),
                page => page?,
            };
            size += page.parts.iter().map(|part| part.size).sum::<u64>();
            if !page.is_truncated || page.next_part_number_marker <= marker {
                return Ok(size);
            }
            marker = page.next_part_number_marker;
        }
    }

    async fn parts_page(&self, key: &str, multipart: &str, after: u64) -> Result<PartsPage, Error> {
        let after = after.to_string();
        let ask = Ask {
            method: Method::GET,
            key,
            query: &[("uploadId", multipart), ("part-number-marker", &after)],
            ..Ask::default()
        };
        let text = self.requests.send(&self.credentials, PARTS, ask).await?;
        read(&text)
    }

    /// Deletes a leftover. Tells whether it was there.
    pub(crate) async fn delete_leftover(&self, path: &str) -> Result<bool, Error> {
        if let Some((key, multipart)) = path.split_once(GATHERED) {
            return self.abort(&self.full(key), multipart).await;
        }
        match self.store.delete(&self.join(&path.into())).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("s3:DeleteObject", &error)),
        }
    }

    /// Everything that is being gathered below a prefix of the bucket, page by page. A service
    /// that does not page right may repeat a page; then what it has shown is all there is.
    async fn gathered(&self, prefix: &str) -> Result<Vec<Leftover>, Error> {
        let mut found: Vec<Leftover> = Vec::new();
        let (mut key, mut upload) = (String::new(), String::new());
        loop {
            let page = self.page(prefix, &key, &upload).await?;
            let before = found.len();
            for one in page.uploads {
                let left = self.parts_left(&one);
                if !found.contains(&left) {
                    found.push(left);
                }
            }
            if !page.is_truncated || found.len() == before {
                return Ok(found);
            }
            (key, upload) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }

    async fn page(&self, prefix: &str, key: &str, upload: &str) -> Result<Page, Error> {
        let mut query = vec![("uploads", ""), ("prefix", prefix)];
        if !key.is_empty() {
            query.push(("key-marker", key));
        }
        if !upload.is_empty() {
            query.push(("upload-id-marker", upload));
        }
        let ask = Ask {
            method: Method::GET,
            query: &query,
            ..Ask::default()
        };
        let text = self.requests.send(&self.credentials, ACTION, ask).await?;
        read(&text)
    }

    fn parts_left(&self, one: &Gathered) -> Leftover {
        let key = self.without_prefix(&one.key);
        Leftover {
            path: format!("{key}{GATHERED}{}", one.upload_id),
            upload: None,
            multipart: Some(one.upload_id.clone()),
            size: 0,
            modified: one.initiated,
        }
    }

    fn rest_left(&self, meta: object_store::ObjectMeta) -> Leftover {
        let object = read_object(meta);
        let path = self.without_prefix(object.path.as_ref()).to_owned();
        Leftover {
            upload: keys::upload_of(&path),
            path,
            multipart: None,
            size: object.size,
            modified: object.modified,
        }
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    quick_xml::de::from_str(text).map_err(|source| Error::Damaged {
        place: "the listing of uploads in the bucket".to_owned(),
        source: source.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_understood_with_and_without_uploads() {
        let none = "<ListMultipartUploadsResult><Bucket>b</Bucket><KeyMarker/><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
        let none: Page = read(none).unwrap();
        assert!(none.uploads.is_empty() && !none.is_truncated);
        let two = r#"<?xml version="1.0" encoding="UTF-8"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><NextKeyMarker>k2</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker><MaxUploads>2</MaxUploads><IsTruncated>true</IsTruncated><Upload><Key>k1</Key><UploadId>u1</UploadId><Initiator><ID>x</ID></Initiator><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload><Upload><Key>k2</Key><UploadId>u2</UploadId><Initiated>2026-01-01T00:00:01.000Z</Initiated></Upload></ListMultipartUploadsResult>"#;
        let two: Page = read(two).unwrap();
        assert_eq!((two.uploads.len(), two.is_truncated), (2, true));
        assert_eq!(two.next_upload_id_marker, "u2");
        assert!(read::<Page>("not xml").is_err());
    }

    #[test]
    fn listings_of_parts_are_understood() {
        let page = r#"<?xml version="1.0" encoding="UTF-8"?><ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId><PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>2</NextPartNumberMarker><MaxParts>2</MaxParts><IsTruncated>true</IsTruncated><Part><PartNumber>1</PartNumber><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"a"</ETag><Size>5242880</Size></Part><Part><PartNumber>2</PartNumber><ETag>"b"</ETag><Size>17</Size></Part></ListPartsResult>"#;
        let page: PartsPage = read(page).unwrap();
        let sizes: Vec<_> = page.parts.iter().map(|part| part.size).collect();
        assert_eq!(sizes, [5_242_880, 17]);
        assert_eq!((page.is_truncated, page.next_part_number_marker), (true, 2));
        let none = "<ListPartsResult><PartNumberMarker>0</PartNumberMarker><IsTruncated>false</IsTruncated></ListPartsResult>";
        let none: PartsPage = read(none).unwrap();
        assert!(none.parts.is_empty() && !none.is_truncated);
    }
}
