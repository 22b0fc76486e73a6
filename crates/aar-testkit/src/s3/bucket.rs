use std::time::Duration;

use aar_http::StatusCode;
use rusty_s3::Method;
use url::Url;

use super::{
    Credentials, S3Server,
    request::{S3Request, element, elements},
};

/// Exactly the permissions that the documentation lists.
const BUCKET_PERMISSIONS: [&str; 3] = [
    "s3:ListBucket",
    "s3:GetBucketLocation",
    "s3:ListBucketMultipartUploads",
];
const OBJECT_PERMISSIONS: [&str; 5] = [
    "s3:PutObject",
    "s3:GetObject",
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:ListMultipartUploadParts",
];

/// A bucket, accessed by its owner without the registry. It is emptied when dropped.
#[derive(Debug)]
pub struct Bucket {
    server: &'static S3Server,
    name: String,
    /// The objects stay when this is dropped.
    keep: bool,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// The key of the object.
    pub key: String,
    /// The upload id of the server.
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
        assert!(Self::try_create(server, name), "cannot create {name}");
        Self::named(server, name)
    }

    pub(super) fn try_create(server: &S3Server, name: &str) -> bool {
        let request = S3Request::new(Method::Put, name, "");
        let response = request.send(server);
        response.is_some_and(|response| response.status == StatusCode::OK)
    }

    /// The name of the bucket.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server of the bucket.
    pub fn server(&self) -> &'static S3Server {
        self.server
    }

    /// The keys and sizes of its objects, sorted by key.
    pub fn objects(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let listed = self
                .request(Method::Get, "")
                .with_parameter("list-type", "2")
                .with_parameter("start-after", &after)
                .send_successfully(self.server);
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

    pub fn uploads(&self) -> Vec<OpenUpload> {
        let listed = self
            .request(Method::Get, "")
            .with_parameter("uploads", "")
            .send_successfully(self.server);
        let truncated = element(&listed, "IsTruncated");
        assert_ne!(truncated.as_deref(), Some("true"), "more than one page");
        let read = |upload: &&str| OpenUpload {
            key: element(upload, "Key").unwrap(),
            id: element(upload, "UploadId").unwrap(),
        };
        elements(&listed, "Upload").iter().map(read).collect()
    }

    /// Begins a multipart upload and leaves it open.
    pub fn begin_upload(&self, key: &str) {
        self.request(Method::Post, key)
            .with_parameter("uploads", "")
            .send_successfully(self.server);
    }

    /// Uploads a part; the first number is 1.
    pub fn put_part(&self, upload: &OpenUpload, number: u32, content: impl Into<Vec<u8>>) {
        self.request(Method::Put, &upload.key)
            .with_parameter("partNumber", &number.to_string())
            .with_parameter("uploadId", &upload.id)
            .with_body(content)
            .send_successfully(self.server);
    }

    pub fn abort_upload(&self, upload: &OpenUpload) {
        self.request(Method::Delete, &upload.key)
            .with_parameter("uploadId", &upload.id)
            .send_successfully(self.server);
    }

    pub fn put(&self, key: &str, content: impl Into<Vec<u8>>) {
        self.request(Method::Put, key)
            .with_body(content)
            .send_successfully(self.server);
    }

    /// The content of an object; `None` if it does not exist.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let response = self.request(Method::Get, key).send(self.server).unwrap();
        (response.status == StatusCode::OK).then_some(response.body)
    }

    pub fn delete(&self, key: &str) {
        self.request(Method::Delete, key)
            .send_successfully(self.server);
    }

    /// Grants a user the permissions that a registry needs according to the documentation.
    pub fn grant_to(&self, user: &str) {
        let principal = serde_json::json!({"AWS": [format!("arn:aws:iam:::user/{user}")]});
        let statement = |permissions: &[&str], resource: String| {
            serde_json::json!({
                "Effect": "Allow",
                "Principal": principal,
                "Action": permissions,
                "Resource": [resource],
            })
        };
        let arn = format!("arn:aws:s3:::{}", self.name);
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [
                statement(&BUCKET_PERMISSIONS, arn.clone()),
                statement(&OBJECT_PERMISSIONS, format!("{arn}/*")),
            ],
        });
        self.request(Method::Put, "")
            .with_parameter("policy", "")
            .with_body(policy.to_string())
            .send_successfully(self.server);
    }

    /// A presigned URL of an object.
    pub fn presigned(&self, key: &str, ttl: Duration) -> Url {
        self.presigned_by(self.server.owner(), key, ttl)
    }

    /// A presigned URL, signed with this key.
    pub fn presigned_by(&self, credentials: &Credentials, key: &str, ttl: Duration) -> Url {
        let endpoint = self.server.endpoint();
        self.request(Method::Get, key)
            .sign(&endpoint, credentials, ttl)
    }

    /// A presigned URL for clients that reach the server at another endpoint.
    pub fn presigned_at(&self, endpoint: &str, key: &str, ttl: Duration) -> Url {
        let request = self.request(Method::Get, key);
        request.sign(endpoint, self.server.owner(), ttl)
    }

    /// A handle of the same bucket that does not empty it.
    pub(crate) fn share(&self) -> Self {
        let mut shared = Self::named(self.server, &self.name);
        shared.keep = true;
        shared
    }

    fn request(&self, method: Method, key: &str) -> S3Request {
        S3Request::new(method, &self.name, key)
    }

    /// The section `storage.s3` of a registry's configuration for this bucket, with the owner's key.
    pub fn section(&self) -> String {
        self.section_at(&self.server.endpoint(), Some(self.server.owner()))
    }

    /// The section with another endpoint and other credentials; without any, the registry uses those of
    /// its environment.
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
        let listing = self.request(Method::Get, "").send(self.server);
        // The bucket may not exist.
        if listing.is_some_and(|response| response.status == StatusCode::OK) {
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

    const TTL: Duration = Duration::from_mins(5);

    fn status(url: Url) -> u16 {
        run(async move {
            let request = client().request(aar_http::Method::GET, url);
            request.send().await.unwrap().status().as_u16()
        })
    }

    fn stores_objects(server: &'static S3Server) {
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
        assert_eq!(status(bucket.presigned("a", TTL)), 200);
        let mut changed = bucket.presigned("a", TTL).to_string();
        changed.pop();
        assert_eq!(status(changed.parse().unwrap()), 403);
        let expired = bucket.presigned("a", Duration::from_secs(1));
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(status(expired), 403);
    }

    #[test]
    fn ceph_stores_objects_and_checks_signatures() {
        if let Some(server) = S3Server::ceph("buckets of Ceph") {
            stores_objects(server);
            checks_signatures(server);
        }
    }

    #[test]
    fn ceph_rejects_a_removed_key() {
        let Some(server) = S3Server::ceph("keys of Ceph") else {
            return;
        };
        let key = server.new_key();
        let bucket = server.new_bucket();
        bucket.put("a", "hello");
        let url = bucket.presigned_by(&key, "a", TTL);
        assert_eq!(status(url.clone()), 200);
        server.remove_key(&key);
        assert_eq!(status(url), 403);
    }

    #[test]
    fn ceph_user_without_permission_is_rejected() {
        let Some(server) = S3Server::ceph("users of Ceph") else {
            return;
        };
        let (name, key) = server.new_user();
        let bucket = server.new_bucket();
        bucket.put("a", "hello");
        let url = bucket.presigned_by(&key, "a", TTL);
        assert_eq!(status(url.clone()), 403);
        bucket.grant_to(&name);
        assert_eq!(status(url), 200);
    }

    #[test]
    fn seaweed_stores_objects_and_checks_signatures() {
        if let Some(server) = S3Server::seaweed("buckets of SeaweedFS") {
            stores_objects(server);
            checks_signatures(server);
        }
    }
}
