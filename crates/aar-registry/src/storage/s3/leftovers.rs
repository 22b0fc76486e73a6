//! Leftovers of uploads in a bucket: multipart uploads and tails.

use std::fmt;

use aar_types::Digest;
use futures_util::TryStreamExt;

use super::{bucket::Bucket, multipart::OpenUpload};
use crate::{
    Error, UploadId,
    storage::{Area, Leftover, Object, ObjectKey, object_key},
};

/// The separator between the key and the id of a multipart upload. No key contains it.
const UPLOAD_ID: &str = "?uploadId=";

/// A leftover of an upload. Others may use the same bucket, so no other object is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remains {
    Tail(UploadId),
    Parts { digest: Digest, multipart: String },
}

impl Remains {
    fn parse(path: &str) -> Option<Self> {
        let remains = match path.split_once(UPLOAD_ID) {
            Some((key, multipart)) => Self::parts(key, multipart)?,
            None => Self::Tail(object_key::upload_of(path)?),
        };
        (remains.to_string() == path).then_some(remains)
    }

    fn parts(path: &str, multipart: &str) -> Option<Self> {
        let Some(ObjectKey::Blob(digest)) = ObjectKey::parse(path) else {
            return None;
        };
        let multipart = multipart.to_owned();
        Some(Self::Parts { digest, multipart })
    }
}

impl fmt::Display for Remains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tail(id) => f.write_str(&object_key::staged(*id)),
            Self::Parts { digest, multipart } => {
                write!(f, "{}{UPLOAD_ID}{multipart}", ObjectKey::Blob(*digest))
            }
        }
    }
}

impl Bucket {
    pub(super) async fn leftovers(&self) -> Result<Vec<Leftover>, Error> {
        let uploads = self.open_uploads(Area::Blobs.name()).await?;
        let mut found: Vec<_> = uploads
            .into_iter()
            .filter_map(|one| self.parts(one))
            .collect();
        let mut objects = self.list(Area::Staging.name());
        while let Some(object) = objects.try_next().await? {
            found.extend(tail(object));
        }
        Ok(found)
    }

    pub(super) async fn leftover(&self, path: &str) -> Result<Option<Leftover>, Error> {
        match Remains::parse(path) {
            None => Ok(None),
            Some(Remains::Parts { digest, .. }) => {
                let uploads = self
                    .open_uploads(&ObjectKey::Blob(digest).to_string())
                    .await?;
                let mut found = uploads.into_iter().filter_map(|one| self.parts(one));
                Ok(found.find(|one| one.path == path))
            }
            Some(Remains::Tail(_)) => Ok(self.head(path).await?.and_then(tail)),
        }
    }

    pub(super) async fn leftover_size(&self, leftover: &Leftover) -> Result<u64, Error> {
        match Remains::parse(&leftover.path) {
            Some(Remains::Parts { digest, multipart }) => {
                let blob = ObjectKey::Blob(digest).to_string();
                self.parts_size(&blob, &multipart).await
            }
            _ => Ok(leftover.size),
        }
    }

    pub(super) async fn delete_leftover(&self, path: &str) -> Result<bool, Error> {
        let existed = match Remains::parse(path) {
            None => false,
            Some(Remains::Parts { digest, multipart }) => {
                let blob = ObjectKey::Blob(digest).to_string();
                self.abort_upload(&blob, &multipart).await?
            }
            Some(Remains::Tail(_)) => self.delete(path).await.map(|()| true)?,
        };
        if existed {
            tracing::info!(path, "deleted a leftover in the bucket");
        }
        Ok(existed)
    }

    fn parts(&self, upload: OpenUpload) -> Option<Leftover> {
        let path = self.prefix.path(&upload.key)?;
        Some(Leftover {
            path: Remains::parts(path, &upload.upload_id)?.to_string(),
            upload: None,
            multipart: Some(upload.upload_id),
            size: 0,
            modified: upload.initiated,
        })
    }
}

fn tail(object: Object) -> Option<Leftover> {
    Some(Leftover {
        upload: Some(object_key::upload_of(&object.path)?),
        path: object.path,
        multipart: None,
        size: object.size,
        modified: object.modified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_upload_can_leave_is_a_leftover() {
        let id = "00000000-0000-4000-8000-00000000000a";
        let blob = ObjectKey::Blob(Digest::from_bytes([0xab; 32]));
        for path in [format!("staging/{id}"), format!("{blob}?uploadId=2~x")] {
            let remains = Remains::parse(&path).map(|remains| remains.to_string());
            assert_eq!(remains, Some(path));
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
            assert_eq!(Remains::parse(&path), None, "{path}");
        }
    }
}
