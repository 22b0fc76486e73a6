//! Checks the bucket before the registry starts.
//!
//! The check sends two listings, which distinguish the common problems. If `CloudFront` URLs are signed, it
//! compares the clock with that of the service.

use super::{
    S3Storage,
    client::{RetryPolicy, S3Request},
    multipart::LIST_UPLOADS,
};
use crate::BucketProblem;

impl S3Storage {
    pub(super) async fn check(&self) -> Result<(), BucketProblem> {
        let mut date = None;
        for (action, query) in [
            ("s3:ListBucket", [("list-type", "2"), ("max-keys", "1")]),
            (LIST_UPLOADS, [("uploads", ""), ("max-uploads", "1")]),
        ] {
            let request = S3Request {
                query: &query,
                retry: RetryPolicy::Short,
                ..S3Request::default()
            };
            let response = self.bucket.client.send(&request).await;
            let response = response.map_err(|error| self.bucket.problem(action, &error))?;
            date = response.date();
        }
        if let (Some(cloudfront), Some(date)) = (&self.cloudfront, date) {
            let behind = date.duration_since(self.clock.now());
            cloudfront.check_clock(behind, &self.bucket.info.endpoint)?;
        }
        Ok(())
    }
}
