//! What uploads have left in the bucket: parts that nobody put together, and rests of requests.

use std::{collections::HashSet, fmt};

use aar_types::Digest;
use futures_util::TryStreamExt;
use http::Method;
use jiff::Timestamp;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use serde::{Deserialize, de::DeserializeOwned};

use super::{S3Storage, read_object, request::Ask, retry::Patience};
use crate::{
    BucketProblem, Error, UploadId,
    storage::{Area, Key, Leftover, keys},
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

/// What an upload can have left, and nothing else: others may keep things in the same bucket, so
/// what it is is read from the place, and a place that is none of these is not touched.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Left {
    /// What a request left that was less than a part.
    Rest(UploadId),
    /// Parts of a blob that were not put together.
    Parts { digest: Digest, multipart: String },
}

impl Left {
    /// What lies at this place below the root of the storage.
    fn of(path: &str) -> Option<Self> {
        let left = match path.split_once(GATHERED) {
            Some((key, multipart)) => Self::parts(&Path::parse(key).ok()?, multipart)?,
            None => Self::rest(&Path::parse(path).ok()?)?,
        };
        (left.to_string() == path).then_some(left)
    }

    fn rest(path: &Path) -> Option<Self> {
        keys::upload_of(path.as_ref()).map(Self::Rest)
    }

    fn parts(path: &Path, multipart: &str) -> Option<Self> {
        let Some(Key::Blob(digest)) = Key::of(path) else {
            return None;
        };
        let multipart = multipart.to_owned();
        Some(Self::Parts { digest, multipart })
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rest(id) => f.write_str(&keys::staged(*id)),
            Self::Parts { digest, multipart } => {
                write!(f, "{}{GATHERED}{multipart}", Key::Blob(*digest))
            }
        }
    }
}

impl S3Storage {
    pub(crate) async fn leftovers(&self) -> Result<Vec<Leftover>, Error> {
        let mut found = self.gathered(&Area::Blobs.prefix()).await?;
        let mut rests = self.store.list(Some(&self.key(&Area::Staging.prefix())));
        loop {
            let rest = rests.try_next().await;
            let rest = rest.map_err(|error| self.failed("s3:ListBucket", &error))?;
            let Some(rest) = rest else {
                return Ok(found);
            };
            found.extend(self.rest_left(rest));
        }
    }

    /// The leftover at this place, as it is now.
    pub(crate) async fn leftover(&self, path: &str) -> Result<Option<Leftover>, Error> {
        match Left::of(path) {
            None => Ok(None),
            Some(Left::Parts { digest, .. }) => {
                let found = self.gathered(&Key::Blob(digest).path()).await?;
                Ok(found.into_iter().find(|one| one.path == path))
            }
            Some(Left::Rest(id)) => match self.store.head(&self.rest(id)).await {
                Ok(meta) => Ok(self.rest_left(meta)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(self.failed("s3:GetObject", &error)),
            },
        }
    }

    /// How many bytes a leftover takes. Those of parts are asked for, page by page.
    pub(crate) async fn leftover_size(&self, leftover: &Leftover) -> Result<u64, Error> {
        let Some(Left::Parts { digest, multipart }) = Left::of(&leftover.path) else {
            return Ok(leftover.size);
        };
        let (key, mut marker, mut size) = (self.path(&Key::Blob(digest)), 0, 0);
        loop {
            let page = match self.parts_page(&key, &multipart, marker).await {
                // It has gone meanwhile.
                Err(Error::Bucket(problem)) if problem.is_no_upload() => return Ok(0),
                page => page?,
            };
            size += page.parts.iter().map(|part| part.size).sum::<u64>();
            if !page.is_truncated || page.next_part_number_marker <= marker {
                return Ok(size);
            }
            marker = page.next_part_number_marker;
        }
    }

    /// Whether the bucket still gathers parts under this name.
    pub(super) async fn is_gathered(
        &self,
        key: &Path,
        multipart: &str,
        patience: Patience,
    ) -> Result<bool, BucketProblem> {
        let ask = Ask {
            method: Method::GET,
            key: Some(key),
            query: &[("uploadId", multipart), ("max-parts", "1")],
            patience,
            ..Ask::default()
        };
        match self.requests.send(&self.credentials, PARTS, ask).await {
            Ok(_) => Ok(true),
            Err(problem) if problem.is_no_upload() => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    async fn parts_page(
        &self,
        key: &Path,
        multipart: &str,
        after: u64,
    ) -> Result<PartsPage, Error> {
        let after = after.to_string();
        let ask = Ask {
            method: Method::GET,
            key: Some(key),
            query: &[("uploadId", multipart), ("part-number-marker", &after)],
            ..Ask::default()
        };
        let answer = self.requests.send(&self.credentials, PARTS, ask).await?;
        read(&answer.body)
    }

    /// Deletes a leftover. Tells whether it was there.
    pub(crate) async fn delete_leftover(&self, path: &str) -> Result<bool, Error> {
        let freed = match Left::of(path) {
            None => false,
            Some(Left::Parts { digest, multipart }) => {
                self.abort_parts(&digest, &multipart).await?
            }
            Some(Left::Rest(id)) => self.delete_rest(id).await.map(|()| true)?,
        };
        if freed {
            tracing::info!(path, "freed what an upload had left in the bucket");
        }
        Ok(freed)
    }

    /// Everything that is being gathered for the blobs below a path, page by page. A service that
    /// does not page right may repeat a page; then what it has shown is all there is.
    async fn gathered(&self, below: &Path) -> Result<Vec<Leftover>, Error> {
        let (mut found, mut known) = (Vec::new(), HashSet::new());
        let (mut key, mut upload) = (String::new(), String::new());
        loop {
            let page = self.page(&self.key(below), &key, &upload).await?;
            let before = known.len();
            for one in page.uploads {
                if known.insert((one.key.clone(), one.upload_id.clone())) {
                    found.extend(self.parts_left(&one));
                }
            }
            if !page.is_truncated || known.len() == before {
                return Ok(found);
            }
            (key, upload) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }

    async fn page(&self, prefix: &Path, key: &str, upload: &str) -> Result<Page, Error> {
        let mut query = vec![("uploads", ""), ("prefix", prefix.as_ref())];
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
        let answer = self.requests.send(&self.credentials, ACTION, ask).await?;
        read(&answer.body)
    }

    fn parts_left(&self, one: &Gathered) -> Option<Leftover> {
        let path = self.prefix.below(&Path::parse(&one.key).ok()?)?;
        Some(Leftover {
            path: Left::parts(&path, &one.upload_id)?.to_string(),
            upload: None,
            multipart: Some(one.upload_id.clone()),
            size: 0,
            modified: one.initiated,
        })
    }

    fn rest_left(&self, meta: object_store::ObjectMeta) -> Option<Leftover> {
        let object = read_object(meta);
        let path = self.prefix.below(&object.path)?;
        Some(Leftover {
            upload: Some(keys::upload_of(path.as_ref())?),
            path: path.into(),
            multipart: None,
            size: object.size,
            modified: object.modified,
        })
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
    fn only_what_an_upload_can_have_left_is_a_leftover() {
        let id = "00000000-0000-4000-8000-00000000000a";
        let blob = Key::Blob(Digest::from_bytes([0xab; 32]));
        for path in [format!("staging/{id}"), format!("{blob}?uploadId=2~x")] {
            assert_eq!(Left::of(&path).map(|left| left.to_string()), Some(path));
        }
        for path in [
            "staging/report.pdf".to_owned(),
            format!("staging/deep/{id}"),
            format!("staging/{}", id.to_uppercase()),
            format!("staging/{}", id.replace('-', "")),
            format!("staging/{id}/"),
            format!("other/{id}"),
            "blobs-of-others/huge.tar?uploadId=x".to_owned(),
            "blobs/sha256/huge.tar?uploadId=x".to_owned(),
            format!("trust/x.json?uploadId={id}"),
            blob.to_string(),
        ] {
            assert_eq!(Left::of(&path), None, "{path}");
        }
    }

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
