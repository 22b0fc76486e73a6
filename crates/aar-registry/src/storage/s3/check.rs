//! The look at the bucket before the registry starts.
//!
//! It asks for what listing needs, which tells apart everything that is commonly wrong, and goes on
//! for some seconds only: whoever starts the registry is waiting for the sentence. What the answer
//! says of the time is looked at where addresses are signed for somebody who does not say it.

use http::Method;

use super::{S3Storage, problem::BucketProblem, request::Ask, retry::Patience};

impl S3Storage {
    pub(super) async fn check(&self) -> Result<(), BucketProblem> {
        let mut date = None;
        for (action, query) in [
            ("s3:ListBucket", [("list-type", "2"), ("max-keys", "1")]),
            (
                "s3:ListBucketMultipartUploads",
                [("uploads", ""), ("max-uploads", "1")],
            ),
        ] {
            let ask = Ask {
                method: Method::GET,
                query: &query,
                patience: Patience::Short,
                ..Ask::default()
            };
            let answer = self.requests.send(&self.credentials, action, ask).await?;
            date = answer.date;
        }
        if let (Some(cloudfront), Some(date)) = (&self.cloudfront, date) {
            let behind = date.duration_since(self.clock.now());
            cloudfront.check_clock(behind, &self.place.endpoint)?;
        }
        Ok(())
    }
}
