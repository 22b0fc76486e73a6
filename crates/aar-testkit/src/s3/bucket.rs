use std::time::Duration;

use rusty_s3::Method;
use url::Url;

use super::{
    Credentials, S3Server,
    request::{Request, element, elements},
};

/// What the documentation tells operators to grant, and nothing more.
const BUCKET_RIGHTS: [&str; 3] = [
    "s3:ListBucket",
    "s3:GetBucketLocation",
    "s3:ListBucketMultipartUploads",
];
const OBJECT_RIGHTS: [&str; 5] = [
    "s3:PutObject",
    "s3:GetObject",
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:ListMultipartUploadParts",
];

/// A bucket, seen by its owner past the registry. It is emptied when dropped.
#[derive(Debug)]
pub struct Bucket {
    server: &'static S3Server,
    name: String,
    /// Whether what is in it stays when this is dropped.
    keep: bool,
}

/// An upload that was begun and neither completed nor aborted, as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// The key that the object would have.
    pub key: String,
    /// What the server calls the upload.
    pub id: String,
}

impl Bucket {
    pub(super) fn named(server: &'static S3Server, name: &str) -> Self {
        Self {
            server,
            name: name.to_owned(),
            keep: false,
        }
    }

    pub(super) fn create(server: &'static S3Server, name: &str) -> Self {
        assert!(Self::try_create(server, name), "{name} cannot be made");
        Self::named(server, name)
    }

    pub(super) fn try_create(server: &S3Server, name: &str) -> bool {
        let request = Request::new(Method::Put, name, "");
        request.send(server).is_some_and(|answer| answer.is(200))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn server(&self) -> &'static S3Server {
        self.server
    }

    /// The objects in it with their sizes, sorted by key.
    pub fn objects(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let listed = self
                .ask(Method::Get, "")
                .with("list-type", "2")
                .with("start-after", &after)
                .done(self.server);
            let page = elements(&listed, "Contents");
            let read = |object: &&str| {
                let size = element(object, "Size").unwrap().parse().unwrap();
                (element(object, "Key").unwrap(), size)
            };
            found.extend(page.iter().map(read));
            if element(&listed, "IsTruncated").as_deref() != Some("true") {
                return found;
            }
            after.clone_from(&found.last().unwrap().0);
        }
    }

    /// The multipart uploads that are open in it.
    pub fn uploads(&self) -> Vec<OpenUpload> {
        let listed = self
            .ask(Method::Get, "")
            .with("uploads", "")
            .done(self.server);
        let truncated = element(&listed, "IsTruncated");
        assert_ne!(truncated.as_deref(), Some("true"), "more than one page");
        let read = |upload: &&str| OpenUpload {
            key: element(upload, "Key").unwrap(),
            id: element(upload, "UploadId").unwrap(),
        };
        elements(&listed, "Upload").iter().map(read).collect()
    }

    /// Begins an upload and forgets it.
    pub fn begin_upload(&self, key: &str) {
        self.ask(Method::Post, key)
            .with("uploads", "")
            .done(self.server);
    }

    /// Sends a part of an upload that is open, the first being 1.
    pub fn put_part(&self, upload: &OpenUpload, number: u32, content: impl Into<Vec<u8>>) {
        let mut request = self
            .ask(Method::Put, &upload.key)
            .with("partNumber", &number.to_string())
            .with("uploadId", &upload.id);
        request.body = content.into();
        request.done(self.server);
    }

    /// Aborts an upload that is open.
    pub fn abort_upload(&self, upload: &OpenUpload) {
        self.ask(Method::Delete, &upload.key)
            .with("uploadId", &upload.id)
            .done(self.server);
    }

    /// Stores an object.
    pub fn put(&self, key: &str, content: impl Into<Vec<u8>>) {
        let mut request = self.ask(Method::Put, key);
        request.body = content.into();
        request.done(self.server);
    }

    /// The content of an object.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.ask(Method::Get, key).send(self.server).unwrap();
        answer.is(200).then_some(answer.body)
    }

    /// Removes an object.
    pub fn delete(&self, key: &str) {
        self.ask(Method::Delete, key).done(self.server);
    }

    /// Grants a user what the documentation says that a registry needs.
    pub fn grant_to(&self, user: &str) {
        let principal = serde_json::json!({"AWS": [format!("arn:aws:iam:::user/{user}")]});
        let statement = |rights: &[&str], resource: String| {
            serde_json::json!({
                "Effect": "Allow",
                "Principal": principal,
                "Action": rights,
                "Resource": [resource],
            })
        };
        let arn = format!("arn:aws:s3:::{}", self.name);
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [
                statement(&BUCKET_RIGHTS, arn.clone()),
                statement(&OBJECT_RIGHTS, format!("{arn}/*")),
            ],
        });
        let mut request = self.ask(Method::Put, "").with("policy", "");
        request.body = policy.to_string().into_bytes();
        request.done(self.server);
    }

    /// An address from which anybody can read an object for some time.
    pub fn presigned(&self, key: &str, life: Duration) -> Url {
        self.presigned_by(self.server.owner(), key, life)
    }

    /// The same, signed with a certain key.
    pub fn presigned_by(&self, credentials: &Credentials, key: &str, life: Duration) -> Url {
        let endpoint = self.server.endpoint();
        self.ask(Method::Get, key)
            .sign(&endpoint, credentials, life)
    }

    /// The same for somebody who reaches the server at another address.
    pub fn presigned_at(&self, endpoint: &str, key: &str, life: Duration) -> Url {
        let request = self.ask(Method::Get, key);
        request.sign(endpoint, self.server.owner(), life)
    }

    /// The same bucket for somebody else, who does not empty it.
    pub(crate) fn another(&self) -> Self {
        let mut another = Self::named(self.server, &self.name);
        another.keep = true;
        another
    }

    fn ask(&self, method: Method, key: &str) -> Request {
        Request::new(method, &self.name, key)
    }

    /// The section `storage.s3` for a registry that keeps its images here, with the owner's key.
    pub fn section(&self) -> String {
        self.section_at(&self.server.endpoint(), Some(self.server.owner()))
    }

    /// The section for a registry that reaches the server at another address or with other
    /// credentials; without any it has to find some.
    pub fn section_at(&self, endpoint: &str, credentials: Option<&Credentials>) -> String {
        let keys = credentials.map_or_else(String::new, |key| {
            format!(
                "    access-key: {}\n    secret-access-key: {}\n",
                key.access_key, key.secret_key
            )
        });
        format!(
            "  s3:\n    region: {}\n    bucket: {}\n    endpoint: {endpoint}\n    force-path-style: true\n{keys}",
            self.server.region(),
            self.name,
        )
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        if self.keep || std::thread::panicking() || std::env::var_os("AAR_TEST_KEEP").is_some() {
            return;
        }
        let listed = self.ask(Method::Get, "").send(self.server);
        // Of a bucket that does not exist, or is gone, nothing is to be removed.
        if listed.is_some_and(|answer| answer.is(200)) {
            for (key, _) in self.objects() {
                self.delete(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::run, s3::request::client};

    const LIFE: Duration = Duration::from_mins(5);

    fn status(url: Url) -> u16 {
        run(async move {
            client()
                .request(aar_http::Method::GET, url)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        })
    }

    fn holds_what_is_put_in(server: &'static S3Server) {
        let bucket = server.new_bucket();
        assert_eq!(bucket.objects(), []);
        bucket.put("a/b", "hello");
        bucket.put("c", "");
        assert_eq!(
            bucket.objects(),
            [("a/b".to_owned(), 5), ("c".to_owned(), 0)]
        );
        assert_eq!(bucket.get("a/b").unwrap(), b"hello");
        assert_eq!(bucket.get("nothing"), None);
        bucket.begin_upload("d");
        let open = bucket.uploads();
        assert_eq!((open.len(), open[0].key.as_str()), (1, "d"));
        bucket.delete("c");
        assert_eq!(bucket.objects().len(), 1);
    }

    fn checks_signatures(server: &'static S3Server) {
        let bucket = server.new_bucket();
        bucket.put("a", "hello");
        assert_eq!(status(bucket.presigned("a", LIFE)), 200);
        let mut altered = bucket.presigned("a", LIFE).to_string();
        altered.pop();
        assert_eq!(status(altered.parse().unwrap()), 403);
        let late = bucket.presigned("a", Duration::from_secs(1));
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(status(late), 403);
    }

    #[test]
    fn ceph_holds_what_is_put_in_and_checks_signatures() {
        if let Some(server) = S3Server::ceph("buckets of Ceph") {
            holds_what_is_put_in(server);
            checks_signatures(server);
        }
    }

    #[test]
    fn ceph_takes_keys_back() {
        let Some(server) = S3Server::ceph("keys of Ceph") else {
            return;
        };
        let key = server.new_key();
        let bucket = server.new_bucket();
        bucket.put("a", "hello");
        let url = bucket.presigned_by(&key, "a", LIFE);
        assert_eq!(status(url.clone()), 200);
        server.remove_key(&key);
        assert_eq!(status(url), 403);
    }

    #[test]
    fn a_user_of_ceph_may_what_is_granted_and_nothing_else() {
        let Some(server) = S3Server::ceph("users of Ceph") else {
            return;
        };
        let (name, key) = server.new_user();
        let bucket = server.new_bucket();
        bucket.put("a", "hello");
        let url = bucket.presigned_by(&key, "a", LIFE);
        assert_eq!(status(url.clone()), 403);
        bucket.grant_to(&name);
        assert_eq!(status(url), 200);
    }

    #[test]
    fn seaweed_holds_what_is_put_in_and_checks_signatures() {
        if let Some(server) = S3Server::seaweed("buckets of SeaweedFS") {
            holds_what_is_put_in(server);
            checks_signatures(server);
        }
    }
}
