//! Faults of the network in front of the bucket: each run ends with the right image or with a clear error,
//! and no staged data is left.

use std::time::Duration;

use aar_testkit::{
    Direction, Fault, FaultProxy, Fleet, Package, RecordedRequest, S3Network, S3Server, SOON,
    TestPki, TestRegistry, sha256, until,
};

const SIZE: u64 = 40 << 20;
const PART: u64 = 8 << 20;
/// Longer than all retries with their back-off.
const RETRY_LIMIT: Duration = Duration::from_mins(2);

struct FaultyFleet {
    fleet: Fleet,
    network: S3Network,
}

/// A fleet that connects to the bucket through a network with faults. The publisher has an application
/// that is not pushed yet.
fn faulty_fleet(test: &str, config: &str) -> Option<FaultyFleet> {
    let server = S3Server::ceph(test)?;
    let network = S3Network::start(server.address());
    let bucket = server.new_bucket();
    let section = bucket.section_at(&network.url(), Some(server.owner())) + config;
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let fleet = Fleet::start_manual_on(registry, &[]);
    let package = Package::new("game").noise("level.dat", SIZE, 1);
    fleet.publisher.create(&package);
    Some(FaultyFleet { fleet, network })
}

impl FaultyFleet {
    fn push(&self) {
        self.fleet.publisher.set(&[("registry.mode", "push")]);
        until("the image is pushed", RETRY_LIMIT, || {
            self.fleet.registry.application("game").is_some()
        });
    }

    fn pull(&self) {
        self.fleet.client.set(&[("registry.mode", "pull")]);
        self.fleet.client.wait_for_within("game", 0, RETRY_LIMIT);
    }

    /// The client has the image of the publisher, every fault has occurred, and no staged data is left.
    fn assert_complete(&self) {
        let pushed = sha256(&self.fleet.publisher.export("game", 0));
        assert_eq!(sha256(&self.fleet.client.export("game", 0)), pushed);
        assert_eq!(
            self.network.pending_faults(),
            0,
            "some faults did not occur"
        );
        self.network.heal();
        self.assert_nothing_staged();
        self.fleet.registry.aar(&["storage", "verify"]).success();
    }

    fn assert_nothing_staged(&self) {
        let bucket = self.fleet.registry.bucket().unwrap();
        until("no upload is open in the bucket", SOON, || {
            bucket.uploads().is_empty()
        });
        let objects = bucket.objects();
        let staged = objects.iter().filter(|(key, _)| key.contains("staging"));
        assert_eq!(staged.count(), 0, "{objects:?}");
        let files = self.fleet.client.files();
        let partial = files
            .iter()
            .filter(|(path, _)| path.to_string_lossy().ends_with(".partial"));
        assert_eq!(partial.count(), 0, "{files:?}");
    }
}

/// Pseudo-random offsets, the same in every run.
fn offsets(seed: u64, below: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state % below)
    })
}

#[test]
fn upload_completes_after_connections_to_the_bucket_are_cut() {
    let Some(fixture) = faulty_fleet("cut uploads", "") else {
        return;
    };
    let cuts = offsets(1, PART).take(6).map(Fault::CutRequest);
    fixture.network.next(RecordedRequest::is_part, cuts);
    // The responses to a part and to the completion are lost.
    fixture
        .network
        .next(RecordedRequest::is_part, [Fault::CutResponse(0)]);
    fixture.network.next(is_completion, [Fault::CutResponse(0)]);
    fixture.push();
    fixture.pull();
    fixture.assert_complete();
}

fn is_completion(seen: &RecordedRequest) -> bool {
    seen.method == "POST" && seen.query.starts_with("uploadId=")
}

#[test]
fn slow_down_of_the_bucket_is_retried_later() {
    let Some(fixture) = faulty_fleet("throttled uploads", "") else {
        return;
    };
    fixture
        .network
        .next(RecordedRequest::is_part, [Fault::SlowDown; 5]);
    fixture.network.next(is_completion, [Fault::SlowDown; 2]);
    fixture
        .network
        .next(RecordedRequest::is_registry, [Fault::SlowDown; 3]);
    fixture
        .network
        .next(RecordedRequest::is_download, [Fault::SlowDown; 2]);
    fixture.push();
    fixture.pull();
    fixture.assert_complete();
}

#[test]
fn transient_errors_of_the_bucket_are_retried() {
    let Some(fixture) = faulty_fleet("errors of the bucket", "") else {
        return;
    };
    let errors = [500, 502, 504].map(Fault::Status);
    fixture.network.next(RecordedRequest::is_part, errors);
    fixture.network.next(RecordedRequest::is_download, errors);
    fixture.push();
    fixture.pull();
    fixture.assert_complete();
}

#[test]
fn byte_changed_during_an_upload_is_not_stored() {
    let Some(fixture) = faulty_fleet("damaged uploads", "") else {
        return;
    };
    let flips = offsets(2, PART).take(2).map(Fault::FlipRequest);
    fixture.network.next(RecordedRequest::is_part, flips);
    fixture.push();
    fixture.pull();
    fixture.assert_complete();
}

#[test]
fn upload_to_a_slow_bucket_completes() {
    let Some(fixture) = faulty_fleet("slow buckets", "") else {
        return;
    };
    fixture
        .network
        .each(RecordedRequest::is_part, Fault::Throttle(6 << 20));
    fixture
        .network
        .each(RecordedRequest::is_download, Fault::Throttle(12 << 20));
    fixture.push();
    fixture.pull();
    fixture.assert_complete();
}

#[test]
fn download_completes_after_faulty_bucket_responses() {
    let Some(fixture) = faulty_fleet("failing downloads", "    url-duration: 2s\n") else {
        return;
    };
    let cuts = offsets(3, SIZE / 8).map(|at| at + 1).take(3);
    let faults = cuts.map(Fault::CutResponse).chain([
        Fault::Truncate(5_000_000),
        Fault::SlowDown,
        Fault::Delay(Duration::from_millis(3500)),
        Fault::Status(403),
    ]);
    fixture.network.next(RecordedRequest::is_download, faults);
    fixture.push();
    fixture.pull();
    fixture.assert_complete();
}

#[test]
fn byte_changed_during_a_download_is_fetched_again() {
    let Some(fixture) = faulty_fleet("a damaged download", "") else {
        return;
    };
    fixture.network.next(
        RecordedRequest::is_download,
        [Fault::FlipResponse(SIZE / 3)],
    );
    fixture.push();
    fixture.pull();
    fixture.assert_complete();
}

#[test]
fn image_damaged_in_every_download_is_reported_and_never_imported() {
    let Some(fixture) = faulty_fleet("damaged downloads", "") else {
        return;
    };
    fixture.push();
    fixture
        .network
        .each(RecordedRequest::is_download, Fault::FlipResponse(SIZE / 3));
    let client = &fixture.fleet.client;
    let error = client.amc(&["registry", "pull", "game"]).failure();
    assert!(error.contains("digest"), "{error}");
    let downloads = || {
        fixture
            .network
            .requests()
            .into_iter()
            .filter(RecordedRequest::is_download)
    };
    assert_eq!(downloads().count(), 2, "there is one retry");
    assert!(client.names().is_empty());
    fixture.assert_nothing_staged();
    fixture.network.heal();
    fixture.pull();
    fixture.assert_complete();
}

#[test]
fn image_arrives_complete_after_connections_to_the_registry_are_cut() {
    let Some(fixture) = faulty_fleet("cut connections to the registry", "    redirect: false\n")
    else {
        return;
    };
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    println!("the seed of the cuts is {seed}");
    let cuts = |network: &FaultProxy, direction, salt: u64| {
        let mut state = u64::from(seed) ^ salt;
        for _ in 0..4 {
            // Each connection is cut within the next tenth of the image.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(salt);
            let distance = (state >> 33) % (SIZE / 10);
            network.cut_after(direction, distance);
            until("the connection is cut", RETRY_LIMIT, || network.is_down());
            network.heal();
        }
    };
    let fleet = &fixture.fleet;
    std::thread::scope(|threads| {
        threads.spawn(|| cuts(&fleet.publisher_network, Direction::Up, 1));
        fixture.push();
    });
    std::thread::scope(|threads| {
        threads.spawn(|| cuts(&fleet.client_network, Direction::Down, 2));
        fixture.pull();
    });
    fixture.assert_complete();
}

#[test]
fn unreachable_bucket_is_an_error_and_leaves_the_registry_running() {
    let Some(mut fixture) = faulty_fleet("an unreachable bucket", "    retry-for: 2s\n") else {
        return;
    };
    fixture.network.each(|_| true, Fault::Status(503));
    let push = fixture.fleet.publisher.amc(&["registry", "push", "game"]);
    let error = push.failure();
    assert!(error.contains("error:"), "{error}");
    fixture.fleet.registry.process().assert_running();
    assert!(fixture.fleet.registry.application("game").is_none());
    fixture.network.heal();
    fixture.push();
    fixture.pull();
    fixture.assert_complete();
}

#[test]
fn trust_is_withdrawn_while_a_mutation_waits_for_a_silent_bucket() {
    let config = "gc:\n  interval: 1s\n";
    let Some(fixture) = faulty_fleet("a silent bucket", config) else {
        return;
    };
    fixture.push();
    let (registry, pki) = (&fixture.fleet.registry, TestPki::new());
    registry.trust(pki.publisher.certificate(), "publisher");
    registry.trust(pki.client.certificate(), "client");
    let revoked = pki.client.fingerprint();
    let http = |persona| registry.http(Some(persona));
    let requests_before = fixture.network.requests().len();
    fixture
        .network
        .each(|_| true, Fault::Delay(RETRY_LIMIT * 5));
    std::thread::scope(|threads| {
        let path = "/1.0/applications/game/amd64/versions/0";
        let delete = threads.spawn(|| http(&pki.publisher).send("DELETE", path, &[], Vec::new()));
        until("the deletion waits for the bucket", SOON, || {
            let since = &fixture.network.requests()[requests_before..];
            since.iter().any(|one| one.path.contains("/applications/"))
        });
        let revoke = registry.aar(&["trust", "revoke", "-y", &revoked]);
        let output = format!("{revoke:?}");
        revoke.success();
        assert!(output.contains("the storage cannot be used"), "{output}");
        let response = http(&pki.client).get("/1.0/applications");
        assert_eq!(response.code(), "certificate_revoked");
        assert_eq!(delete.join().unwrap().status, 503);
    });
    fixture.network.heal();
    let bucket = registry.bucket().unwrap();
    let key = format!("trust/{revoked}.json");
    until("the revocation is stored", RETRY_LIMIT, || {
        let descriptor = bucket.get(&key).unwrap();
        String::from_utf8(descriptor)
            .unwrap()
            .contains("revoked_at")
    });
    // The deletion is recorded, although the bucket was silent, and is delivered too.
    let deleted = "applications/game/amd64/0.json";
    until("the deletion is delivered", RETRY_LIMIT, || {
        bucket.get(deleted).is_none()
    });
    registry.aar(&["storage", "verify"]).success();
}
