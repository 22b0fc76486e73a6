//! Images beyond what one request to S3 can carry, in constant memory.
//!
//! One test, so that what is written is freed before more comes.

use std::time::{Duration, Instant};

use aar_testkit::{Bucket, Generated, Http, S3Server, TestPki, TestRegistry};

const MEMORY: u64 = 128 << 20;
const GIB: u64 = 1 << 30;
/// What uploads of this size are cut into.
const PART: u64 = 8 << 20;
const HEADERS: [(&str, &str); 1] = [("tus-resumable", "1.0.0")];

struct Scene {
    registry: TestRegistry,
    publisher: Http,
    _pki: TestPki,
}

impl Scene {
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
        let begun = Instant::now();
        let status = content.send_part(&self.publisher, upload, part.clone());
        assert_eq!(status, 204, "{}", self.registry.log());
        println!("{part:?} sent in {:?}", begun.elapsed());
    }

    /// Where an image can be read.
    fn address(&self, digest: &str) -> String {
        let key = format!("blobs/sha256/{}/{digest}", &digest[..2]);
        let life = Duration::from_hours(1);
        self.bucket().presigned(&key, life).to_string()
    }

    /// Makes it a version, and gives where the registry sends whoever wants it.
    fn publish(&self, digest: &str, size: u64) -> String {
        let path = "/1.0/applications/large/amd64/versions/0";
        let version = serde_json::json!({
            "application": {"instance_type": "a2.3"},
            "manifest": {"manifest_version": "1.0"},
            "image": {"fingerprint": digest, "digest": digest, "size": size},
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

    /// From how many parts it was put together: S3 writes that at the end of the tag.
    fn parts(&self, digest: &str) -> u64 {
        let first = [("range", "bytes=0-0")];
        let answer = Http::plain("").send("GET", &self.address(digest), &first, Vec::new());
        let tag = answer.headers["etag"].trim_matches('"').to_owned();
        tag.rsplit('-').next().unwrap().parse().unwrap()
    }

    fn stayed_small(&mut self) {
        let peak = self.registry.process().peak_memory();
        println!("aar: {} MiB", peak >> 20);
        assert!(peak < MEMORY, "aar took {} MiB", peak >> 20);
        assert!(self.bucket().uploads().is_empty());
    }
}

#[test]
fn images_of_many_gibibytes_and_a_thousand_parts_pass_in_constant_memory() {
    let Some(server) = S3Server::ceph("images of many gibibytes") else {
        return;
    };
    five_gibibytes_and_a_byte_go_there_and_back(server);
    a_session_of_more_than_a_thousand_parts_survives_a_crash(server);
}

fn five_gibibytes_and_a_byte_go_there_and_back(server: &'static S3Server) {
    let mut scene = Scene::start(server);
    let content = Generated {
        size: 5 * GIB + 1,
        seed: 1,
    };
    let digest = content.digest();
    let upload = content.begin_upload(&scene.publisher, &digest);
    scene.send(content, &upload, 0..content.size);
    let begun = Instant::now();
    let address = scene.publish(&digest, content.size);
    let read = Http::plain("").download(&address).hash();
    assert_eq!(read, (content.size, digest));
    println!("and read in {:?}", begun.elapsed());
    scene.stayed_small();
}

fn a_session_of_more_than_a_thousand_parts_survives_a_crash(server: &'static S3Server) {
    let mut scene = Scene::start(server);
    let content = Generated {
        size: 1000 * PART + 1,
        seed: 2,
    };
    let digest = content.digest();
    let upload = content.begin_upload(&scene.publisher, &digest);
    let middle = 300 * PART;
    scene.send(content, &upload, 0..middle);
    scene.registry.kill();
    scene.registry.run();
    let publisher = &scene.publisher;
    let there = publisher.send("HEAD", &upload, &HEADERS, Vec::new());
    assert_eq!(there.headers["upload-offset"], middle.to_string());
    scene.send(content, &upload, middle..content.size);
    assert_eq!(scene.parts(&digest), 1001);
    let last = format!("bytes={}-", content.size - 3);
    let last = Http::plain("").send(
        "GET",
        &scene.address(&digest),
        &[("range", &last)],
        Vec::new(),
    );
    let expected = content.pieces().last().unwrap();
    assert_eq!(last.body.last(), expected.last());
    scene.stayed_small();
}
