//! What is asked for while others wait: whoever starts the registry, or everybody who wants to
//! change something. It goes on for some seconds only.

use aar_types::Digest;
use bytes::Bytes;
use http::Method;

use super::{
    S3Blobs,
    request::{Answer, Ask},
    retry::Patience,
};
use crate::{BucketProblem, Error, blobs::Key};

impl S3Blobs {
    /// Reads a small object.
    pub(crate) async fn get_soon(&self, key: &Key) -> Result<Option<Bytes>, Error> {
        let found = self.ask_soon("s3:GetObject", Method::GET, key).await?;
        Ok(found.map(|answer| Bytes::from(answer.body)))
    }

    /// The size of a blob.
    pub(crate) async fn size_soon(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let key = Key::Blob(*digest);
        let found = self.ask_soon("s3:GetObject", Method::HEAD, &key).await?;
        Ok(found.and_then(|answer| answer.length))
    }

    /// Deletes a blob. S3 answers alike whether it was there or not, so it is looked at before.
    pub(crate) async fn delete_soon(&self, digest: &Digest) -> Result<bool, Error> {
        let key = Key::Blob(*digest);
        let found = self.ask_soon("s3:GetObject", Method::HEAD, &key).await?;
        self.ask_soon("s3:DeleteObject", Method::DELETE, &key)
            .await?;
        Ok(found.is_some())
    }

    /// Asks about an object; `None` where it is not there.
    async fn ask_soon(
        &self,
        action: &'static str,
        method: Method,
        key: &Key,
    ) -> Result<Option<Answer>, Error> {
        let path = self.path(key);
        let ask = Ask {
            method,
            key: Some(&path),
            patience: Patience::Short,
            ..Ask::default()
        };
        match self.requests.send(&self.credentials, action, ask).await {
            Ok(answer) => Ok(Some(answer)),
            Err(BucketProblem::NotFound { .. }) => Ok(None),
            Err(problem) => Err(problem.into()),
        }
    }
}
