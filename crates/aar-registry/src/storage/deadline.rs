//! Time limits of small requests that a caller waits for.

use std::time::Duration;

use tokio::time::timeout;

use super::{Backend, ObjectKey, Storage};
use crate::Error;

/// The time limit of a bucket for a small request, retries included.
const LIMIT: Duration = Duration::from_secs(10);
/// The same for a deletion. It is longer, because a deletion that is carried out after it was given up
/// deletes a newer object.
const DELETION: Duration = Duration::from_secs(40);

impl Storage {
    /// Fails if a bucket does not respond in time. A folder has no limit: an operation that has begun there
    /// cannot be cancelled.
    pub(crate) async fn in_time<T>(
        &self,
        response: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.within(LIMIT, response).await
    }

    /// Deletes an object durably. Returns whether it existed.
    pub(crate) async fn delete_in_time(&self, key: &ObjectKey) -> Result<bool, Error> {
        let Self::S3(bucket) = self else {
            return self.delete(key).await;
        };
        let found = self.in_time(bucket.has(key)).await?;
        self.remove_in_time(key).await?;
        Ok(found)
    }

    /// The same without a check whether it exists.
    pub(crate) async fn remove_in_time(&self, key: &ObjectKey) -> Result<(), Error> {
        match self {
            Self::Fs(fs) => fs.delete(key).await.map(drop),
            Self::S3(bucket) => self.within(DELETION, bucket.remove(key)).await,
        }
    }

    async fn within<T>(
        &self,
        limit: Duration,
        response: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match self {
            Self::Fs(_) => response.await,
            Self::S3(bucket) => {
                let in_time = timeout(limit, response).await;
                in_time.unwrap_or_else(|_| Err(bucket.is_silent(limit)))
            }
        }
    }
}
