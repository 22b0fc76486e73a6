//! Uploads into a bucket: what is refused at start, what goes on after a failure, and what is
//! cleared away.

use aar_testkit::{
    Credentials, Fleet, Generated, Http, Package, S3Network, S3Server, SOON, RecordedRequest, TestPki,
    TestRegistry, eventually, until,
};

const PART: u64 = 8 << 20;

/// A registry on a bucket of Ceph, and a publisher's way to its API.
fn with_publisher(what: &str, more: &str) -> Option<(TestRegistry, Http, TestPki)> {
    let bucket = S3Server::ceph(what)?.new_bucket();
    let section = bucket.section();
    let mut registry = TestRegistry::prepare_s3(bucket, &section, more);
    registry.run();
    let pki = TestPki::new();
    registry.trust(pki.publisher.certificate(), "publisher");
    let http = registry.http(Some(&pki.publisher));
    Some((registry, http, pki))
}

/// What is in the bucket that is as large as an image.
fn images(registry: &TestRegistry) -> usize {
    let stored = registry.stored().into_iter();
    stored.filter(|(_, size)| *size > 1 << 20).count()
}

#[test]
fn what_is_wrong_with_a_bucket_is_said_at_start_in_one_sentence() {
    let Some(server) = S3Server::ceph("buckets that cannot be used") else {
        return;
    };
    let owner = server.owner();
    let wrong = |change: fn(&mut Credentials)| {
        let mut key = owner.clone();
        change(&mut key);
        key
    };
    let (_, stranger) = server.new_user();
    let here = server.endpoint();
    let cases = [
        (
            here.as_str(),
            wrong(|key| key.secret_key.push('x')),
            false,
            "secret-access-key",
        ),
        (
            &here,
            wrong(|key| key.access_key.push('X')),
            false,
            "access-key",
        ),
        (&here, owner.clone(), true, "there is no bucket"),
        (&here, stranger, false, "s3:ListBucket"),
        (
            "http://127.0.0.1:1",
            owner.clone(),
            false,
            "cannot be reached",
        ),
    ];
    for (endpoint, key, missing, told) in cases {
        let bucket = if missing {
            server.no_bucket()
        } else {
            server.new_bucket()
        };
        let section = bucket.section_at(endpoint, Some(&key));
        let registry = TestRegistry::prepare_s3(bucket, &section, "");
        let refused = registry.aar(&["serve"]).refused();
        assert!(refused.contains(told), "{told:?} is not in: {refused}");
        let errors = refused.lines().filter(|line| line.contains("error:"));
        assert_eq!(errors.count(), 1, "{refused}");
        assert!(!refused.contains(&key.secret_key), "{refused}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let Some(server) = S3Server::ceph("secrets of a bucket") else {
        return;
    };
    let mut registry = TestRegistry::prepare_s3(
        server.new_bucket(),
        &server.new_bucket().section(),
        "logger:\n  level: debug\n",
    );
    let shown = registry.aar(&["check-config"]).done();
    assert!(shown.contains("secret-access-key"), "{shown}");
    assert!(!shown.contains(server.secret_key()), "{shown}");
    registry.run();
    registry.stop();
    assert!(!registry.log().contains(server.secret_key()));
}

#[test]
fn the_rights_that_the_documentation_names_suffice() {
    let Some(server) = S3Server::ceph("the bucket policy") else {
        return;
    };
    let (name, key) = server.new_user();
    let bucket = server.new_bucket();
    bucket.grant_to(&name);
    let section = bucket.section_at(&server.endpoint(), Some(&key));
    let registry = TestRegistry::prepare_s3(bucket, &section, "gc:\n  grace: 0s\n");
    let mut fleet = run_fleet(registry);
    let folder = Package::new("game").noise("level.dat", 20 << 20, 1);
    let folder = folder.write_folder(&fleet.publisher.base().join("game"));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet.client.wait_for("game", 0);
    fleet.registry.aar(&["storage", "verify"]).done();
    let delete = ["application", "delete", "game", "-y"];
    fleet.registry.aar(&delete).done();
    until("the image is gone", SOON, || {
        fleet.registry.aar(&["gc"]).done();
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
fn content_that_is_not_what_was_declared_leaves_nothing() {
    let what = "uploads with a wrong digest";
    let Some((registry, http, _pki)) = with_publisher(what, "") else {
        return;
    };
    let content = Generated {
        size: 3 * PART + 5,
        seed: 1,
    };
    let other = Generated { seed: 2, ..content };
    let upload = content.begin_upload(&http, &other.digest());
    let status = content.send_to(&http, &upload);
    assert!((400..500).contains(&status), "{status}");
    until("nothing is left of it", SOON, || {
        registry.bucket().unwrap().uploads().is_empty() && images(&registry) == 0
    });
}

#[test]
fn content_that_is_there_is_not_sent_again() {
    let what = "uploads of known content";
    let Some((registry, http, _pki)) = with_publisher(what, "") else {
        return;
    };
    let content = Generated {
        size: 2 * PART + 5,
        seed: 1,
    };
    let digest = content.digest();
    let upload = content.begin_upload(&http, &digest);
    assert_eq!(content.send_to(&http, &upload), 204, "{}", registry.log());
    assert_eq!(images(&registry), 1);
    let again = content.begin_upload(&http, &digest);
    let headers = [("tus-resumable", "1.0.0")];
    let answer = http.send("HEAD", &again, &headers, Vec::new());
    assert_eq!(answer.headers["upload-offset"], content.size.to_string());
    assert!(registry.bucket().unwrap().uploads().is_empty());
}

#[test]
fn an_upload_that_nobody_finishes_is_aborted_in_the_bucket() {
    let what = "abandoned uploads";
    let more = "uploads:\n  expire-after: 3s\ngc:\n  interval: 1s\n";
    let Some((registry, http, _pki)) = with_publisher(what, more) else {
        return;
    };
    let bucket = registry.bucket().unwrap();
    let content = Generated {
        size: 5 * PART,
        seed: 1,
    };
    let upload = content.begin_upload(&http, &content.digest());
    assert_eq!(content.send_part(&http, &upload, 0..3 * PART), 204);
    let open = bucket.uploads();
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0].key.contains(&content.digest()), "{open:?}");
    let status = registry.aar(&["status", "--format", "json"]).json();
    let staged = status["staged_bytes"].as_u64().unwrap();
    assert!(staged >= 3 * PART, "{status}");
    until("the server lists no upload any more", SOON, || {
        bucket.uploads().is_empty()
    });
    until("the registry counts none", SOON, || {
        let status = registry.aar(&["status", "--format", "json"]).json();
        status["staged_bytes"] == 0 && status["uploads"] == 0
    });
    assert_eq!(images(&registry), 0);
}

/// Somebody began it with another registry that is gone, or the registry died between the bucket
/// and its database.
#[test]
fn uploads_that_the_registry_does_not_know_are_found_and_aborted() {
    let what = "unknown uploads";
    let more = "uploads:\n  expire-after: 2s\ngc:\n  interval: 1s\n  grace: 0s\n";
    let Some((registry, _http, _pki)) = with_publisher(what, more) else {
        return;
    };
    let bucket = registry.bucket().unwrap();
    let digest = "ab".repeat(32);
    bucket.begin_upload(&format!("blobs/sha256/ab/{digest}"));
    bucket.begin_upload("somebody/elses");
    until("ours is aborted", SOON, || bucket.uploads().len() == 1);
    assert_eq!(bucket.uploads()[0].key, "somebody/elses");
}

#[test]
fn a_session_goes_on_after_the_registry_dies_and_sends_no_part_twice() {
    const SIZE: u64 = 96 << 20;
    let Some(server) = S3Server::ceph("uploads that go on") else {
        return;
    };
    let network = S3Network::start(server.address());
    let bucket = server.new_bucket();
    let section = bucket.section_at(&network.url(), Some(server.owner()));
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let mut fleet = Fleet::introduced_to(registry, &[]);
    let folder = Package::new("big").noise("level.dat", SIZE, 1);
    let folder = folder.write_folder(&fleet.publisher.base().join("big"));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet.publisher_network.throttle(24 << 20);
    fleet.publisher.set(&[("registry.mode", "push")]);
    let parts = || network.requests().into_iter().filter(RecordedRequest::is_part).count();
    until("the upload is in the middle", SOON, || parts() >= 6);
    fleet.registry.kill();
    assert_eq!(fleet.registry.bucket().unwrap().uploads().len(), 1);
    fleet.registry.run();
    fleet.publisher_network.heal();
    eventually("the push is completed", SOON, || {
        fleet.registry.application("big")
    });
    let needed = usize::try_from(SIZE.div_ceil(PART)).unwrap();
    // What was in flight is lost with the registry; nothing else is sent again.
    assert!(parts() <= needed + 1 + 4, "{} parts for {needed}", parts());
    assert!(fleet.registry.bucket().unwrap().uploads().is_empty());
    fleet.registry.aar(&["storage", "verify"]).done();
}

#[test]
fn objects_are_encrypted_as_the_configuration_says() {
    let Some(server) = S3Server::seaweed("encrypted objects") else {
        return;
    };
    let wanted = [("x-amz-server-side-encryption", "AES256")];
    are_encrypted(server, "    server-side-encryption: AES256\n", &wanted);
}

#[test]
fn objects_are_encrypted_with_the_key_that_the_configuration_names() {
    let Some(server) = S3Server::ceph("objects encrypted with a key") else {
        return;
    };
    let key = S3Server::ENCRYPTION_KEY;
    let more = format!("    server-side-encryption: aws:kms\n    kms-key-id: {key}\n");
    let wanted = [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", key),
    ];
    are_encrypted(server, &more, &wanted);
}

/// Sends an image through a bucket, and sees how everything in it is encrypted.
fn are_encrypted(server: &'static S3Server, more: &str, wanted: &[(&str, &str)]) {
    let bucket = server.new_bucket();
    let section = bucket.section() + more;
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let fleet = Fleet::start_on(registry, &[]);
    let folder = Package::new("game").noise("level.dat", 20 << 20, 1);
    let folder = folder.write_folder(&fleet.publisher.base().join("game"));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet.client.wait_for("game", 0);
    let bucket = fleet.registry.bucket().unwrap();
    let objects = bucket.objects();
    assert!(objects.len() > 2, "{objects:?}");
    for (key, _) in objects {
        let url = bucket.presigned(&key, SOON).to_string();
        let first = [("range", "bytes=0-0")];
        let answer = Http::plain("").send("GET", &url, &first, Vec::new());
        for (header, value) in wanted {
            let found = answer.headers.get(*header).map(String::as_str);
            assert_eq!(found, Some(*value), "{key}");
        }
    }
}
