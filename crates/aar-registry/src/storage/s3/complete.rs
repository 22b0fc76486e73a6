//! The last step of an upload: the bucket puts the parts together.
//!
//! That takes its time, and may be done although no answer says so. There are services that say of
//! parts which they do not have any more what they say of parts that they are busy with. So what
//! has become of the parts is looked at before anything is asked again. Whatever else lies under
//! the key is not taken for them.

use std::fmt::Write as _;

use aar_types::Digest;
use bytes::Bytes;
use http::Method;
use object_store::{ObjectMeta, path::Path};
use quick_xml::escape::escape;

use super::{
    S3Storage,
    problem::element,
    request::{Answer, Ask},
    retry::{Patience, Pauses},
};
use crate::{BucketProblem, Error, storage::Key};

const ACTION: &str = "s3:PutObject";
/// What is said of an upload that will not become an object any more.
const GONE: [&str; 4] = [
    "NoSuchUpload",
    "InvalidPart",
    "InvalidPartOrder",
    "EntityTooSmall",
];

/// What came of asking once.
#[derive(Debug, PartialEq, Eq)]
enum Attempt {
    Done,
    /// There are no parts under this name, or not these: they were put together before, were given
    /// up, or never will be an object. There are services that forget an upload bit by bit, and so
    /// do not know its parts before they do not know its name.
    Gone,
    /// It may be done or not.
    Unclear(BucketProblem),
}

impl S3Storage {
    /// Puts the parts together, or finds that this has been done. Tells whether it is; it never
    /// will be when the bucket does not have the parts.
    pub(crate) async fn complete_parts(
        &self,
        digest: &Digest,
        size: u64,
        multipart: &str,
        parts: &[String],
    ) -> Result<bool, Error> {
        let key = self.path(&Key::Blob(*digest));
        let list = Bytes::from(list_of(parts));
        let mut pauses = Pauses::new(Patience::Long);
        loop {
            let problem = match self.try_to_complete(&key, multipart, list.clone()).await? {
                Attempt::Done => return Ok(true),
                Attempt::Gone => return self.was_made_of(digest, size, parts.len()).await,
                Attempt::Unclear(problem) => problem,
            };
            tracing::debug!(%key, %problem, "looking what has become of parts");
            if self.have_gone(&key, multipart).await {
                return self.was_made_of(digest, size, parts.len()).await;
            }
            if !pauses.wait().await {
                return Err(problem.into());
            }
        }
    }

    async fn try_to_complete(
        &self,
        key: &Path,
        multipart: &str,
        list: Bytes,
    ) -> Result<Attempt, BucketProblem> {
        let ask = Ask {
            method: Method::POST,
            key: Some(key),
            query: &[("uploadId", multipart)],
            body: list,
            ..Ask::default()
        };
        match self.requests.ask_once(&self.credentials, &ask).await {
            Ok(answer) => self.came_to(answer),
            Err(problem) if problem.passes() => Ok(Attempt::Unclear(problem)),
            Err(problem) => Err(problem),
        }
    }

    /// What an answer says. One of success can hold an error: it begins before the work is done.
    fn came_to(&self, answer: Answer) -> Result<Attempt, BucketProblem> {
        let success = answer.status.is_success();
        if success && answer.body.contains("</CompleteMultipartUploadResult>") {
            return Ok(Attempt::Done);
        }
        let code = element(&answer.body, "Code").unwrap_or_default();
        if GONE.contains(&code.as_str()) {
            return Ok(Attempt::Gone);
        }
        let passes = success || answer.passes();
        let problem = self.place.refused(ACTION, answer.refusal());
        let problem = self.place.of_upload(problem);
        if passes {
            Ok(Attempt::Unclear(problem))
        } else {
            Err(problem)
        }
    }

    /// Whether the bucket says that it does not gather the parts any more. As long as it says
    /// nothing they may be there.
    async fn have_gone(&self, key: &Path, multipart: &str) -> bool {
        let gathered = self.is_gathered(key, multipart, Patience::Short).await;
        matches!(gathered, Ok(false))
    }

    async fn was_made_of(&self, digest: &Digest, size: u64, parts: usize) -> Result<bool, Error> {
        let found = self.look(digest).await?;
        Ok(found.is_some_and(|found| is_made_of(&found, size, parts)))
    }
}

/// The parts in their order, the first being 1.
fn list_of(parts: &[String]) -> String {
    let mut list = String::from("<CompleteMultipartUpload>");
    for (number, tag) in (1..).zip(parts) {
        let tag = escape(tag.as_str());
        let part = format_args!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
        // Writing to a text does not fail.
        let _written = list.write_fmt(part);
    }
    list + "</CompleteMultipartUpload>"
}

/// Whether an object was put together from so many parts: the services say so in its tag.
fn is_made_of(object: &ObjectMeta, size: u64, parts: usize) -> bool {
    let tag = object.e_tag.as_deref().unwrap_or_default();
    let count = tag.trim_matches('"').rsplit_once('-');
    object.size == size && count.is_some_and(|(_, count)| count == parts.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_was_not_put_together_from_the_parts_is_not_taken_for_them() {
        let object = |tag: Option<&str>, size| ObjectMeta {
            location: Path::from("k"),
            last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
            size,
            e_tag: tag.map(str::to_owned),
            version: None,
        };
        let hash = "9b2cf535f27731c974343645a3985328";
        let tag = |count| format!("\"{hash}-{count}\"");
        assert!(is_made_of(&object(Some(&tag(2)), 9), 9, 2));
        for (tag, size) in [
            (Some(tag(2)), 8),
            (Some(tag(3)), 9),
            (Some(tag(12)), 9),
            (Some(format!("\"{hash}\"")), 9),
            (None, 9),
        ] {
            assert!(!is_made_of(&object(tag.as_deref(), size), 9, 2), "{tag:?}");
        }
    }

    #[test]
    fn parts_are_listed_by_number_with_what_the_bucket_calls_them() {
        let listed = list_of(&["\"a\"".to_owned(), "<b>".to_owned()]);
        assert_eq!(
            listed,
            "<CompleteMultipartUpload>\
             <Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>\
             <Part><PartNumber>2</PartNumber><ETag>&lt;b&gt;</ETag></Part>\
             </CompleteMultipartUpload>"
        );
    }
}
