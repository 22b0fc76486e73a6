//! Completes a multipart upload.
//!
//! Completion can take minutes, and can succeed without a response. Some services send the same error for
//! parts that no longer exist and for parts that are in use. So the client checks whether the upload still
//! exists before it retries. A foreign object under the key is not mistaken for the result.

use std::fmt::Write as _;

use bytes::Bytes;
use http::Method;
use quick_xml::escape::escape;
use serde::Deserialize;

use super::{
    bucket::{Bucket, PUT},
    client::{RequestBody, RetryPolicy, S3Error, S3Request},
};
use crate::{BucketProblem, Error, storage::Object};

/// Error codes after which the upload never becomes an object.
const NEVER_COMPLETED: [&str; 4] = [
    "NoSuchUpload",
    "InvalidPart",
    "InvalidPartOrder",
    "EntityTooSmall",
];

/// The outcome of one completion request.
enum Attempt {
    Completed,
    /// The upload does not exist, or lacks parts: it was completed before, was aborted, or can never be
    /// completed. Some services delete the parts before the upload.
    Impossible,
    /// The request may have succeeded.
    Unclear(BucketProblem),
}

#[derive(Deserialize)]
enum Response {
    CompleteMultipartUploadResult {},
    Error {
        #[serde(rename = "Code", default)]
        code: String,
    },
}

impl Bucket {
    /// Completes the upload, or finds that it was completed. `false` if the parts are lost, so that it never
    /// can be.
    pub(super) async fn complete_upload(
        &self,
        path: &str,
        size: u64,
        upload: &str,
        parts: &[String],
    ) -> Result<bool, Error> {
        let body = RequestBody::new(vec![part_list(parts)]).await?;
        let request = S3Request {
            method: Method::POST,
            key: Some(&self.prefix.key(path)),
            query: &[("uploadId", upload)],
            body,
            completes_upload: true,
            ..S3Request::default()
        };
        let mut retries = self.client.retries(RetryPolicy::Long);
        loop {
            let problem = match self.try_to_complete(&request).await? {
                Attempt::Completed => return Ok(true),
                Attempt::Impossible => return self.was_completed(path, size, parts.len()).await,
                Attempt::Unclear(problem) => problem,
            };
            tracing::debug!(path, %problem, "it is unclear whether a multipart upload was completed");
            if self.is_missing_upload(path, upload).await {
                return self.was_completed(path, size, parts.len()).await;
            }
            if !retries.pause().await {
                return Err(problem.into());
            }
        }
    }

    async fn try_to_complete(&self, request: &S3Request<'_>) -> Result<Attempt, BucketProblem> {
        let (code, is_unclear, error) = match self.client.send_once(request).await {
            // A response begins before the work ends, so a success may hold an error.
            Ok(response) => match response.xml() {
                Ok(Response::CompleteMultipartUploadResult {}) => return Ok(Attempt::Completed),
                Ok(Response::Error { code }) => (code, true, S3Error::Refused(response.refusal())),
                Err(error) => (String::new(), true, error),
            },
            Err(S3Error::Refused(refusal)) => {
                let error = S3Error::Refused(refusal.clone());
                (refusal.code, error.is_retryable(), error)
            }
            Err(error) => (String::new(), error.is_retryable(), error),
        };
        if NEVER_COMPLETED.contains(&code.as_str()) {
            return Ok(Attempt::Impossible);
        }
        let problem = self.info.upload_problem(PUT, &error);
        if is_unclear {
            Ok(Attempt::Unclear(problem))
        } else {
            Err(problem)
        }
    }

    async fn was_completed(&self, path: &str, size: u64, parts: usize) -> Result<bool, Error> {
        let object = self.head(path).await?;
        Ok(object.is_some_and(|object| is_made_of(&object, size, parts)))
    }
}

fn part_list(parts: &[String]) -> Bytes {
    let mut list = String::from("<CompleteMultipartUpload>");
    for (number, etag) in (1..).zip(parts) {
        let etag = escape(etag.as_str());
        let part =
            format_args!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        // Writing to a string cannot fail.
        let _written = list.write_fmt(part);
    }
    list += "</CompleteMultipartUpload>";
    list.into()
}

/// Whether an object consists of this number of parts, which services put into the `ETag`.
fn is_made_of(object: &Object, size: u64, parts: usize) -> bool {
    let etag = object.tag.as_deref().unwrap_or_default();
    let count = etag.trim_matches('"').rsplit_once('-');
    object.size == size && count.is_some_and(|(_, count)| count == parts.to_string())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn other_object_is_not_mistaken_for_a_completed_upload() {
        let object = |tag: Option<&str>, size| Object {
            path: "k".to_owned(),
            modified: Timestamp::UNIX_EPOCH,
            size,
            tag: tag.map(str::to_owned),
        };
        let hash = "9b2cf535f27731c974343645a3985328";
        let etag = |count| format!("\"{hash}-{count}\"");
        assert!(is_made_of(&object(Some(&etag(2)), 9), 9, 2));
        for (etag, size) in [
            (Some(etag(2)), 8),
            (Some(etag(3)), 9),
            (Some(etag(12)), 9),
            (Some(format!("\"{hash}\"")), 9),
            (None, 9),
        ] {
            assert!(
                !is_made_of(&object(etag.as_deref(), size), 9, 2),
                "{etag:?}"
            );
        }
    }

    #[test]
    fn part_list_has_numbers_and_escaped_etags() {
        let list = part_list(&["\"a\"".to_owned(), "<b>".to_owned()]);
        assert_eq!(
            list,
            "<CompleteMultipartUpload>\
             <Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>\
             <Part><PartNumber>2</PartNumber><ETag>&lt;b&gt;</ETag></Part>\
             </CompleteMultipartUpload>"
        );
    }

    #[test]
    fn only_a_complete_document_says_that_the_upload_is_completed() {
        let parse = |text: &str| quick_xml::de::from_str::<Response>(text);
        let done = r#"<?xml version="1.0"?><CompleteMultipartUploadResult xmlns="x"><Location>l</Location><ETag>"e-1"</ETag></CompleteMultipartUploadResult>"#;
        assert!(matches!(
            parse(done),
            Ok(Response::CompleteMultipartUploadResult {})
        ));
        let failed = "<Error><Code>InternalError</Code><Message>m</Message></Error>";
        assert!(matches!(parse(failed), Ok(Response::Error { code }) if code == "InternalError"));
        for cut in ["", &done[..done.len() - 5], "<Other/>", "no XML"] {
            assert!(parse(cut).is_err(), "{cut}");
        }
    }
}
