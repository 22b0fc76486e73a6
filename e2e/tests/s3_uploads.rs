//! Uploads to a bucket: unusable buckets are refused at the start, uploads resume after a failure, and
//! abandoned ones are aborted.

use aar_testkit::{
    Credentials, Fleet, Generated, Package, RecordedRequest, S3Network, S3Server, SOON, TestClient,
    TestPki, TestRegistry, eventually, until,
};

const PART: u64 = 8 << 20;

/// A registry on a bucket of Ceph, and a client of its API with the role of a publisher.
fn registry_with_publisher(
    test: &str,
    config: &str,
) -> Option<(TestRegistry, TestClient, TestPki)> {
    let bucket = S3Server::ceph(test)?.new_bucket();
    let section = bucket.section();
    let mut registry = TestRegistry::prepare_s3(bucket, &section, config);
    registry.run();
    let pki = TestPki::new();
    registry.trust(pki.publisher.certificate(), "publisher");
    let http = registry.http(Some(&pki.publisher));
    Some((registry, http, pki))
}

/// The number of objects as large as an image.
fn images(registry: &TestRegistry) -> usize {
    let stored = registry.stored_objects().into_iter();
    stored.filter(|(_, size)| *size > 1 << 20).count()
}

#[test]
fn unusable_bucket_prevents_the_start_with_one_sentence() {
    let Some(server) = S3Server::ceph("unusable buckets") else {
        return;
    };
    let owner = server.owner();
    let wrong = |change: fn(&mut Credentials)| {
        let mut key = owner.clone();
        change(&mut key);
        key
    };
    let (_, stranger) = server.new_user();
    let endpoint = server.endpoint();
    let cases = [
        (
            endpoint.as_str(),
            wrong(|key| key.secret_key.push('x')),
            false,
            "secret-access-key",
        ),
        (
            &endpoint,
            wrong(|key| key.access_key.push('X')),
            false,
            "access-key",
        ),
        (&endpoint, owner.clone(), true, "there is no bucket"),
        (&endpoint, stranger, false, "s3:ListBucket"),
        (
            "http://127.0.0.1:1",
            owner.clone(),
            false,
            "cannot be reached",
        ),
    ];
    for (endpoint, key, is_missing, expected) in cases {
        let bucket = if is_missing {
            server.no_bucket()
        } else {
            server.new_bucket()
        };
        let section = bucket.section_at(endpoint, Some(&key));
        let registry = TestRegistry::prepare_s3(bucket, &section, "");
        let message = registry.aar(&["serve"]).failure();
        assert!(
            message.contains(expected),
            "{expected:?} is not in: {message}"
        );
        let errors = message.lines().filter(|line| line.contains("error:"));
        assert_eq!(errors.count(), 1, "{message}");
        assert!(!message.contains(&key.secret_key), "{message}");
    }
}

#[test]
fn secrets_are_never_printed() {
    let Some(server) = S3Server::ceph("secrets of a bucket") else {
        return;
    };
    let mut registry = TestRegistry::prepare_s3(
        server.new_bucket(),
        &server.new_bucket().section(),
        "logger:\n  level: debug\n",
    );
    let shown = registry.aar(&["check-config"]).success();
    assert!(shown.contains("secret-access-key"), "{shown}");
    assert!(!shown.contains(server.secret_key()), "{shown}");
    registry.run();
    registry.stop();
    assert!(!registry.log().contains(server.secret_key()));
}

#[test]
fn documented_bucket_permissions_are_sufficient() {
    let Some(server) = S3Server::ceph("the bucket policy") else {
        return;
    };
    let (name, key) = server.new_user();
    let bucket = server.new_bucket();
    bucket.grant_to(&name);
    let section = bucket.section_at(&server.endpoint(), Some(&key));
    let registry = TestRegistry::prepare_s3(bucket, &section, "gc:\n  grace: 0s\n");
    let mut fleet = run_fleet(registry);
    let package = Package::new("game").noise("level.dat", 20 << 20, 1);
    fleet.publisher.create(&package);
    fleet.client.wait_for("game", 0);
    fleet.registry.aar(&["storage", "verify"]).success();
    let delete = ["application", "delete", "game", "-y"];
    fleet.registry.aar(&delete).success();
    until("the image is deleted", SOON, || {
        fleet.registry.aar(&["gc"]).success();
        images(&fleet.registry) == 0
    });
    fleet.registry.stop();
    assert!(!fleet.registry.log().contains("denies"));
}

fn run_fleet(mut registry: TestRegistry) -> Fleet {
    registry.run();
    Fleet::start_on(registry, &[])
}

#[test]
fn upload_with_a_wrong_digest_leaves_nothing() {
    let test = "uploads with a wrong digest";
    let Some((registry, http, _pki)) = registry_with_publisher(test, "") else {
        return;
    };
    let content = Generated {
        size: 3 * PART + 5,
        seed: 1,
    };
    let other = Generated { seed: 2, ..content };
    let upload = content.start_upload(&http, &other.digest());
    let status = content.send_to(&http, &upload);
    assert!((400..500).contains(&status), "{status}");
    until("its data is removed", SOON, || {
        registry.bucket().unwrap().uploads().is_empty() && images(&registry) == 0
    });
}

#[test]
fn stored_content_is_not_uploaded_again() {
    let test = "uploads of known content";
    let Some((registry, http, _pki)) = registry_with_publisher(test, "") else {
        return;
    };
    let content = Generated {
        size: 2 * PART + 5,
        seed: 1,
    };
    let digest = content.digest();
    let upload = content.start_upload(&http, &digest);
    assert_eq!(content.send_to(&http, &upload), 204, "{}", registry.log());
    assert_eq!(images(&registry), 1);
    let again = content.start_upload(&http, &digest);
    let headers = [("tus-resumable", "1.0.0")];
    let response = http.send("HEAD", &again, &headers, Vec::new());
    assert_eq!(response.headers["upload-offset"], content.size.to_string());
    assert!(registry.bucket().unwrap().uploads().is_empty());
}

#[test]
fn stale_upload_is_aborted_in_the_bucket() {
    let test = "abandoned uploads";
    let config = "uploads:\n  expire-after: 3s\ngc:\n  interval: 1s\n";
    let Some((registry, http, _pki)) = registry_with_publisher(test, config) else {
        return;
    };
    let bucket = registry.bucket().unwrap();
    let content = Generated {
        size: 5 * PART,
        seed: 1,
    };
    let upload = content.start_upload(&http, &content.digest());
    assert_eq!(content.send_part(&http, &upload, 0..3 * PART), 204);
    let open = bucket.uploads();
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0].key.contains(&content.digest()), "{open:?}");
    let status = registry.aar(&["status", "--format", "json"]).json();
    let staged = status["staged_bytes"].as_u64().unwrap();
    assert!(staged >= 3 * PART, "{status}");
    until("the bucket has no open upload", SOON, || {
        bucket.uploads().is_empty()
    });
    until("the registry counts no upload", SOON, || {
        let status = registry.aar(&["status", "--format", "json"]).json();
        status["staged_bytes"] == 0 && status["uploads"] == 0
    });
    assert_eq!(images(&registry), 0);
}

/// Such an upload was started by an earlier registry, or the registry was killed before it recorded the
/// upload in its database.
#[test]
fn unknown_multipart_upload_is_aborted() {
    let test = "unknown uploads";
    let config = "uploads:\n  expire-after: 2s\ngc:\n  interval: 1s\n  grace: 0s\n";
    let Some((registry, _http, _pki)) = registry_with_publisher(test, config) else {
        return;
    };
    let bucket = registry.bucket().unwrap();
    let digest = "ab".repeat(32);
    bucket.begin_upload(&format!("blobs/sha256/ab/{digest}"));
    bucket.begin_upload("other/program");
    until("the upload of the registry is aborted", SOON, || {
        bucket.uploads().len() == 1
    });
    assert_eq!(bucket.uploads()[0].key, "other/program");
}

#[test]
fn upload_resumes_after_the_registry_is_killed_without_resending_parts() {
    const SIZE: u64 = 96 << 20;
    let Some(server) = S3Server::ceph("uploads that resume") else {
        return;
    };
    let network = S3Network::start(server.address());
    let bucket = server.new_bucket();
    let section = bucket.section_at(&network.url(), Some(server.owner()));
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let mut fleet = Fleet::start_manual_on(registry, &[]);
    let package = Package::new("big").noise("level.dat", SIZE, 1);
    fleet.publisher.create(&package);
    fleet.publisher_network.throttle(24 << 20);
    fleet.publisher.set(&[("registry.mode", "push")]);
    let parts = || {
        network
            .requests()
            .into_iter()
            .filter(RecordedRequest::is_part)
            .count()
    };
    until("half of the parts are uploaded", SOON, || parts() >= 6);
    fleet.registry.kill();
    assert_eq!(fleet.registry.bucket().unwrap().uploads().len(), 1);
    fleet.registry.run();
    fleet.publisher_network.heal();
    eventually("the push is complete", SOON, || {
        fleet.registry.application("big")
    });
    let needed = usize::try_from(SIZE.div_ceil(PART)).unwrap();
    // Only the parts in flight are sent again.
    assert!(parts() <= needed + 1 + 4, "{} parts for {needed}", parts());
    assert!(fleet.registry.bucket().unwrap().uploads().is_empty());
    fleet.registry.aar(&["storage", "verify"]).success();
}

#[test]
fn objects_are_encrypted_with_aes256() {
    let Some(server) = S3Server::seaweed("encrypted objects") else {
        return;
    };
    let expected = [("x-amz-server-side-encryption", "AES256")];
    assert_encrypted(server, "    server-side-encryption: AES256\n", &expected);
}

#[test]
fn objects_are_encrypted_with_the_configured_kms_key() {
    let Some(server) = S3Server::ceph("objects encrypted with a key") else {
        return;
    };
    let key = S3Server::ENCRYPTION_KEY;
    let config = format!("    server-side-encryption: aws:kms\n    kms-key-id: {key}\n");
    let expected = [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", key),
    ];
    assert_encrypted(server, &config, &expected);
}

/// Pushes and pulls an image, and checks the encryption headers of every object.
fn assert_encrypted(server: &'static S3Server, config: &str, expected: &[(&str, &str)]) {
    let bucket = server.new_bucket();
    let section = bucket.section() + config;
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let fleet = Fleet::start_on(registry, &[]);
    let package = Package::new("game").noise("level.dat", 20 << 20, 1);
    fleet.publisher.create(&package);
    fleet.client.wait_for("game", 0);
    let bucket = fleet.registry.bucket().unwrap();
    let objects = bucket.objects();
    assert!(objects.len() > 2, "{objects:?}");
    for (key, _) in objects {
        let url = bucket.presigned(&key, SOON).to_string();
        let first = [("range", "bytes=0-0")];
        let response = TestClient::plain("").send("GET", &url, &first, Vec::new());
        for (header, value) in expected {
            let actual = response.headers.get(*header).map(String::as_str);
            assert_eq!(actual, Some(*value), "{key}");
        }
    }
}
