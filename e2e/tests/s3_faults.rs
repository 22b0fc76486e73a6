//! A network before the bucket that fails in every way: each run ends with the right image or with
//! a clear error, and nothing staged is left.

use std::time::Duration;

use aar_testkit::{
    Direction, Fault, FaultProxy, Fleet, Package, S3Network, S3Server, SOON, RecordedRequest, TestPki,
    TestRegistry, sha256, until,
};

const SIZE: u64 = 40 << 20;
const PART: u64 = 8 << 20;
/// Retries wait longer each time.
const PATIENCE: Duration = Duration::from_mins(2);

struct Scene {
    fleet: Fleet,
    network: S3Network,
}

/// A fleet whose registry and clients reach the bucket through a network; there is an image that
/// nobody has pushed yet.
fn scene(what: &str, more: &str) -> Option<Scene> {
    let server = S3Server::ceph(what)?;
    let network = S3Network::start(server.address());
    let bucket = server.new_bucket();
    let section = bucket.section_at(&network.url(), Some(server.owner())) + more;
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "");
    registry.run();
    let fleet = Fleet::introduced_to(registry, &[]);
    let folder = Package::new("game").noise("level.dat", SIZE, 1);
    let folder = folder.write_folder(&fleet.publisher.base().join("game"));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    Some(Scene { fleet, network })
}

impl Scene {
    fn push(&self) {
        self.fleet.publisher.set(&[("registry.mode", "push")]);
        until("the image is pushed", PATIENCE, || {
            self.fleet.registry.application("game").is_some()
        });
    }

    fn pull(&self) {
        self.fleet.client.set(&[("registry.mode", "pull")]);
        self.fleet.client.wait_for_within("game", 0, PATIENCE);
    }

    /// The client has what the publisher has, every fault was met, and nothing else is anywhere.
    fn whole(&self) {
        let sent = sha256(&self.fleet.publisher.export("game", 0));
        assert_eq!(sha256(&self.fleet.client.export("game", 0)), sent);
        assert_eq!(self.network.pending_faults(), 0, "faults that were not met");
        self.network.heal();
        self.nothing_left();
        self.fleet.registry.aar(&["storage", "verify"]).done();
    }

    fn nothing_left(&self) {
        let bucket = self.fleet.registry.bucket().unwrap();
        until("no upload is open in the bucket", SOON, || {
            bucket.uploads().is_empty()
        });
        let objects = bucket.objects();
        let rests = objects.iter().filter(|(key, _)| key.contains("staging"));
        assert_eq!(rests.count(), 0, "{objects:?}");
        let files = self.fleet.client.files();
        let partial = files
            .iter()
            .filter(|(path, _)| path.to_string_lossy().ends_with(".partial"));
        assert_eq!(partial.count(), 0, "{files:?}");
    }
}

/// Offsets that look random and are the same each time.
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
fn uploads_survive_connections_that_are_cut_anywhere() {
    let Some(scene) = scene("cut uploads", "") else {
        return;
    };
    let cuts = offsets(1, PART).take(6).map(Fault::CutRequest);
    scene.network.next(RecordedRequest::is_part, cuts);
    // An answer that is lost, of a part and of what puts the parts together.
    scene.network.next(RecordedRequest::is_part, [Fault::CutResponse(0)]);
    scene.network.next(is_completion, [Fault::CutResponse(0)]);
    scene.push();
    scene.pull();
    scene.whole();
}

fn is_completion(seen: &RecordedRequest) -> bool {
    seen.method == "POST" && seen.query.starts_with("uploadId=")
}

#[test]
fn a_bucket_that_asks_to_slow_down_gets_time() {
    let Some(scene) = scene("throttled uploads", "") else {
        return;
    };
    scene.network.next(RecordedRequest::is_part, [Fault::SlowDown; 5]);
    scene.network.next(is_completion, [Fault::SlowDown; 2]);
    scene.network.next(RecordedRequest::is_registry, [Fault::SlowDown; 3]);
    scene.network.next(RecordedRequest::is_download, [Fault::SlowDown; 2]);
    scene.push();
    scene.pull();
    scene.whole();
}

#[test]
fn other_errors_of_the_bucket_pass_too() {
    let Some(scene) = scene("errors of the bucket", "") else {
        return;
    };
    let errors = [500, 502, 504].map(Fault::Status);
    scene.network.next(RecordedRequest::is_part, errors);
    scene.network.next(RecordedRequest::is_download, errors);
    scene.push();
    scene.pull();
    scene.whole();
}

#[test]
fn a_byte_that_changes_on_its_way_into_the_bucket_is_not_stored() {
    let Some(scene) = scene("damaged uploads", "") else {
        return;
    };
    let flips = offsets(2, PART).take(2).map(Fault::FlipRequest);
    scene.network.next(RecordedRequest::is_part, flips);
    scene.push();
    scene.pull();
    scene.whole();
}

#[test]
fn a_slow_bucket_is_waited_for() {
    let Some(scene) = scene("slow buckets", "") else {
        return;
    };
    scene.network.each(RecordedRequest::is_part, Fault::Throttle(6 << 20));
    scene.network.each(RecordedRequest::is_download, Fault::Throttle(12 << 20));
    scene.push();
    scene.pull();
    scene.whole();
}

#[test]
fn downloads_survive_whatever_comes_instead_of_the_image() {
    let Some(scene) = scene("failing downloads", "    url-duration: 2s\n") else {
        return;
    };
    let cuts = offsets(3, SIZE / 8).map(|at| at + 1).take(3);
    let faults = cuts.map(Fault::CutResponse).chain([
        Fault::Truncate(5_000_000),
        Fault::SlowDown,
        Fault::Delay(Duration::from_millis(3500)),
        Fault::Status(403),
    ]);
    scene.network.next(RecordedRequest::is_download, faults);
    scene.push();
    scene.pull();
    scene.whole();
}

#[test]
fn a_byte_that_changes_on_its_way_out_is_fetched_again() {
    let Some(scene) = scene("a damaged download", "") else {
        return;
    };
    scene
        .network
        .next(RecordedRequest::is_download, [Fault::FlipResponse(SIZE / 3)]);
    scene.push();
    scene.pull();
    scene.whole();
}

#[test]
fn an_image_that_stays_damaged_is_reported_and_never_imported() {
    let Some(scene) = scene("damaged downloads", "") else {
        return;
    };
    scene.push();
    scene
        .network
        .each(RecordedRequest::is_download, Fault::FlipResponse(SIZE / 3));
    let client = &scene.fleet.client;
    let refused = client.amc(&["registry", "pull", "game"]).refused();
    assert!(refused.contains("digest"), "{refused}");
    let fetched = || scene.network.requests().into_iter().filter(RecordedRequest::is_download);
    assert_eq!(fetched().count(), 2, "once more, and no more");
    assert!(client.names().is_empty());
    scene.nothing_left();
    scene.network.heal();
    scene.pull();
    scene.whole();
}

#[test]
fn images_arrive_whole_wherever_connections_to_the_registry_are_cut() {
    let Some(scene) = scene(
        "connections to the registry that are cut",
        "    redirect: false\n",
    ) else {
        return;
    };
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    println!("cut by the seed {seed}");
    let cuts = |network: &FaultProxy, direction, salt: u64| {
        let mut state = u64::from(seed) ^ salt;
        for _ in 0..4 {
            // Each is ended within the next tenth of the image, wherever it is by then.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(salt);
            let distance = (state >> 33) % (SIZE / 10);
            network.cut_after(direction, distance);
            until("the connection is cut", PATIENCE, || network.is_down());
            network.heal();
        }
    };
    let fleet = &scene.fleet;
    std::thread::scope(|threads| {
        threads.spawn(|| cuts(&fleet.publisher_network, Direction::Up, 1));
        scene.push();
    });
    std::thread::scope(|threads| {
        threads.spawn(|| cuts(&fleet.client_network, Direction::Down, 2));
        scene.pull();
    });
    scene.whole();
}

#[test]
fn a_bucket_that_is_gone_is_an_error_and_leaves_the_registry_running() {
    let Some(mut scene) = scene("a bucket that is gone", "") else {
        return;
    };
    scene.network.each(|_| true, Fault::Status(503));
    let push = scene.fleet.publisher.amc(&["registry", "push", "game"]);
    let refused = push.refused();
    assert!(refused.contains("error:"), "{refused}");
    scene.fleet.registry.process().insist();
    assert!(scene.fleet.registry.application("game").is_none());
    scene.network.heal();
    scene.push();
    scene.pull();
    scene.whole();
}

#[test]
fn trust_is_withdrawn_while_a_change_waits_for_a_bucket_that_has_fallen_silent() {
    let more = "gc:\n  interval: 1s\n";
    let Some(scene) = scene("a bucket that falls silent", more) else {
        return;
    };
    scene.push();
    let (registry, pki) = (&scene.fleet.registry, TestPki::new());
    registry.trust(pki.publisher.certificate(), "publisher");
    registry.trust(pki.client.certificate(), "client");
    let revoked = pki.client.fingerprint();
    let http = |who| registry.http(Some(who));
    let asked = scene.network.requests().len();
    scene.network.each(|_| true, Fault::Delay(PATIENCE * 5));
    std::thread::scope(|threads| {
        let path = "/1.0/applications/game/amd64/versions/0";
        let change = threads.spawn(|| http(&pki.publisher).send("DELETE", path, &[], Vec::new()));
        until("the change waits for the bucket", SOON, || {
            let since = &scene.network.requests()[asked..];
            since.iter().any(|one| one.path.contains("/applications/"))
        });
        let revoke = registry.aar(&["trust", "revoke", "-y", &revoked]);
        let told = format!("{revoke:?}");
        revoke.done();
        assert!(told.contains("the storage cannot be used"), "{told}");
        let refused = http(&pki.client).get("/1.0/applications");
        assert_eq!(refused.code(), "certificate_revoked");
        assert_eq!(change.join().unwrap().status, 503);
    });
    scene.network.heal();
    let bucket = registry.bucket().unwrap();
    let key = format!("trust/{revoked}.json");
    until("the storage learns of it", PATIENCE, || {
        let descriptor = bucket.get(&key).unwrap();
        String::from_utf8(descriptor)
            .unwrap()
            .contains("revoked_at")
    });
    registry.aar(&["storage", "verify"]).done();
    scene.pull();
}
