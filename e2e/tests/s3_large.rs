//! Images beyond the limit of a single S3 request, in constant memory.
//!
//! This is one test, so that the space of one image is freed before the next one is written.

use std::time::{Duration, Instant};

use aar_testkit::{Bucket, Generated, S3Server, TestClient, TestPki, TestRegistry};
use serde_json::{Value, json};

const MEMORY_LIMIT: u64 = 128 << 20;
const GIB: u64 = 1 << 30;
/// The part size of uploads of this size.
const PART: u64 = 8 << 20;
const HEADERS: [(&str, &str); 1] = [("tus-resumable", "1.0.0")];

struct LargeUploads {
    registry: TestRegistry,
    publisher: TestClient,
    _pki: TestPki,
}

impl LargeUploads {
    fn start(server: &'static S3Server) -> Self {
        let registry = TestRegistry::start_s3(server.new_bucket());
        let pki = TestPki::new();
        registry.trust(pki.publisher.certificate(), "publisher");
        let publisher = registry.http(Some(&pki.publisher));
        Self {
            registry,
            publisher,
            _pki: pki,
        }
    }

    fn bucket(&self) -> &Bucket {
        self.registry.bucket().unwrap()
    }

    fn send(&self, content: Generated, upload: &str, part: std::ops::Range<u64>) {
        let start = Instant::now();
        let status = content.send_part(&self.publisher, upload, part.clone());
        assert_eq!(status, 204, "{}", self.registry.log());
        println!("{part:?} sent in {:?}", start.elapsed());
    }

    fn presigned_url(&self, digest: &str) -> String {
        let key = format!("blobs/sha256/{}/{digest}", &digest[..2]);
        let ttl = Duration::from_hours(1);
        self.bucket().presigned(&key, ttl).to_string()
    }

    /// Publishes the image as a version, and returns the URL to which the registry redirects a download.
    fn publish(&self, image: &Value) -> String {
        let path = "/1.0/applications/large/amd64/versions/0";
        let version = json!({
            "application": {"instance_type": "a2.3"},
            "manifest": {"manifest_version": "1.0"},
            "image": image,
        });
        let kind = [("content-type", "application/json")];
        let put = self
            .publisher
            .send("PUT", path, &kind, version.to_string().into_bytes());
        assert_eq!(put.status, 201, "{}", put.text());
        let image = self
            .publisher
            .send("GET", &format!("{path}/image"), &[], Vec::new());
        assert_eq!(image.status, 307);
        image.headers["location"].clone()
    }

    /// The number of parts of the multipart upload, which S3 appends to the `ETag`.
    fn parts(&self, digest: &str) -> u64 {
        let first = [("range", "bytes=0-0")];
        let response =
            TestClient::plain("").send("GET", &self.presigned_url(digest), &first, Vec::new());
        let tag = response.headers["etag"].trim_matches('"').to_owned();
        tag.rsplit('-').next().unwrap().parse().unwrap()
    }

    fn assert_memory_is_bounded(&mut self) {
        let peak = self.registry.process().peak_memory();
        println!("aar: {} MiB", peak >> 20);
        assert!(peak < MEMORY_LIMIT, "aar used {} MiB", peak >> 20);
        assert!(self.bucket().uploads().is_empty());
    }
}

#[test]
fn image_of_many_gibibytes_and_a_thousand_parts_passes_in_constant_memory() {
    let Some(server) = S3Server::ceph("images of many gibibytes") else {
        return;
    };
    image_beyond_five_gibibytes_is_uploaded_and_downloaded(server);
    upload_of_a_thousand_parts_resumes_after_a_crash(server);
}

fn image_beyond_five_gibibytes_is_uploaded_and_downloaded(server: &'static S3Server) {
    let mut uploads = LargeUploads::start(server);
    let content = Generated {
        size: 5 * GIB + 1,
        seed: 1,
    };
    let image = content.info();
    let digest = image.digest.to_string();
    let upload = content.start_upload(&uploads.publisher, &digest);
    uploads.send(content, &upload, 0..content.size);
    let start = Instant::now();
    let url = uploads.publish(&json!(image));
    let read = TestClient::plain("").download(&url).hash();
    assert_eq!(read, (content.size, digest));
    println!("downloaded in {:?}", start.elapsed());
    uploads.assert_memory_is_bounded();
}

fn upload_of_a_thousand_parts_resumes_after_a_crash(server: &'static S3Server) {
    let mut uploads = LargeUploads::start(server);
    let content = Generated {
        size: 1000 * PART + 1,
        seed: 2,
    };
    let digest = content.digest();
    let upload = content.start_upload(&uploads.publisher, &digest);
    let middle = 300 * PART;
    uploads.send(content, &upload, 0..middle);
    uploads.registry.kill();
    uploads.registry.run();
    let publisher = &uploads.publisher;
    let upload_state = publisher.send("HEAD", &upload, &HEADERS, Vec::new());
    assert_eq!(upload_state.headers["upload-offset"], middle.to_string());
    uploads.send(content, &upload, middle..content.size);
    assert_eq!(uploads.parts(&digest), 1001);
    let last = format!("bytes={}-", content.size - 3);
    let last = TestClient::plain("").send(
        "GET",
        &uploads.presigned_url(&digest),
        &[("range", &last)],
        Vec::new(),
    );
    let expected = content.pieces().last().unwrap();
    assert_eq!(last.body.last(), expected.last());
    uploads.assert_memory_is_bounded();
}
