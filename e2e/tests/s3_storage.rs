//! What is stored in a bucket, whether it is all there, and how it comes back.

use aar_testkit::{Fleet, Package, S3Server, SOON, TestRegistry, eventually};
use serde_json::Value;

/// A fleet on a bucket that keeps nothing longer than needed.
fn fleet(what: &str) -> Option<Fleet> {
    let bucket = S3Server::ceph(what)?.new_bucket();
    // Others may be in the same bucket: what is theirs is left alone.
    bucket.put("somebody/elses", "untouched");
    let section = bucket.section() + "    prefix: fleet/one\n";
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "gc:\n  grace: 0s\n");
    registry.run();
    Some(Fleet::start_on(registry, &[]))
}

fn create(fleet: &Fleet, name: &str, seed: u64) {
    let folder = Package::new(name).noise("level.dat", 1 << 20, seed);
    let folder = folder.write_folder(&fleet.publisher.base().join(name));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet.client.wait_for(name, 0);
}

fn delete(fleet: &Fleet, name: &str) {
    fleet
        .publisher
        .amc(&["application", "delete", name, "-y"])
        .done();
    fleet.publisher.amc(&["registry", "delete", name]).done();
    fleet.client.wait_until_gone(name);
}

fn digest(fleet: &Fleet, name: &str) -> String {
    let application = fleet.registry.application(name).unwrap();
    let image = &application["variants"][0]["versions"][0]["image"];
    image["digest"].as_str().unwrap().to_owned()
}

fn blob(digest: &str) -> String {
    format!("fleet/one/blobs/sha256/{}/{digest}", &digest[..2])
}

fn theirs_is_untouched(fleet: &Fleet) {
    let bucket = fleet.registry.bucket().unwrap();
    assert_eq!(bucket.get("somebody/elses").unwrap(), b"untouched");
}

#[test]
fn verification_names_what_is_corrupt_and_what_is_missing() {
    let Some(fleet) = fleet("verification of a bucket") else {
        return;
    };
    for (seed, name) in (1..).zip(["good", "bad", "lost"]) {
        create(&fleet, name, seed);
    }
    fleet.registry.aar(&["storage", "verify"]).done();
    let bucket = fleet.registry.bucket().unwrap();
    let digests = ["good", "bad", "lost"].map(|name| digest(&fleet, name));
    let mut bytes = bucket.get(&blob(&digests[1])).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bucket.put(&blob(&digests[1]), bytes);
    bucket.delete(&blob(&digests[2]));
    let verified = fleet.registry.aar(&["storage", "verify"]);
    assert_eq!(verified.code, 1, "{verified:?}");
    let told = verified.stdout + &verified.stderr;
    let named = digests.map(|digest| told.contains(&digest));
    assert_eq!(named, [false, true, true], "{told}");
    theirs_is_untouched(&fleet);
}

#[test]
fn a_lost_database_is_rebuilt_from_the_bucket_alone() {
    let Some(mut fleet) = fleet("rebuilding from a bucket") else {
        return;
    };
    for (seed, name) in (1..).zip(["one", "two", "gone"]) {
        create(&fleet, name, seed);
    }
    delete(&fleet, "gone");
    let before = Value::from(fleet.registry.applications());
    fleet.registry.stop();
    lose_database(&fleet.registry);
    let refused = fleet.registry.aar(&["serve"]).refused();
    assert!(refused.contains("storage rebuild"), "{refused}");
    fleet.registry.aar(&["storage", "rebuild"]).done();
    fleet.registry.run();
    assert_eq!(Value::from(fleet.registry.applications()), before);
    fleet.client.amc(&["registry", "pull"]).done();
    assert_eq!(fleet.client.names(), ["one", "two"]);
    create(&fleet, "three", 4);
    theirs_is_untouched(&fleet);
}

/// A client must not remove its last good copy because the registry lost its own.
#[test]
fn a_rebuild_that_would_lose_a_version_changes_nothing_until_that_is_accepted() {
    let Some(mut fleet) = fleet("rebuilding from a bucket that lacks something") else {
        return;
    };
    for (seed, name) in (1..).zip(["one", "two"]) {
        create(&fleet, name, seed);
    }
    let lost = blob(&digest(&fleet, "two"));
    fleet.registry.stop();
    lose_database(&fleet.registry);
    fleet.registry.bucket().unwrap().delete(&lost);
    let refused = fleet.registry.aar(&["storage", "rebuild"]).refused();
    assert!(refused.contains("--accept-losses"), "{refused}");
    fleet.registry.aar(&["serve"]).refused();
    assert_eq!(fleet.client.names(), ["one", "two"]);

    let accept = ["storage", "rebuild", "--accept-losses"];
    fleet.registry.aar(&accept).done();
    fleet.registry.run();
    assert!(fleet.registry.application("two").is_none());
    assert!(fleet.registry.application("one").is_some());
    theirs_is_untouched(&fleet);
}

/// Removes the database with what belongs to it, as a disk that dies would.
fn lose_database(registry: &TestRegistry) {
    let entries = fs_err::read_dir(registry.base()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let lost: Vec<_> = paths
        .filter(|path| path.to_string_lossy().contains(".sqlite"))
        .collect();
    assert!(!lost.is_empty(), "there is no database to lose");
    for path in lost {
        fs_err::remove_file(path).unwrap();
    }
}

#[test]
fn a_dry_run_shows_exactly_what_is_then_freed() {
    let Some(fleet) = fleet("garbage in a bucket") else {
        return;
    };
    create(&fleet, "kept", 1);
    create(&fleet, "gone", 2);
    let (kept, gone) = (digest(&fleet, "kept"), digest(&fleet, "gone"));
    delete(&fleet, "gone");
    let stored = fleet.registry.stored();
    let dry_run = ["gc", "--dry-run", "--format", "json"];
    let plan = eventually("there is something to free", SOON, || {
        let plan = fleet.registry.aar(&dry_run).json();
        (plan.as_array().unwrap().len() == 1).then_some(plan)
    });
    assert!(plan.to_string().contains(&gone), "{plan}");
    assert_eq!(
        fleet.registry.stored(),
        stored,
        "a dry run has freed something"
    );
    let freed = fleet.registry.aar(&["gc", "--format", "json"]).json();
    assert_eq!(freed, plan);
    let bucket = fleet.registry.bucket().unwrap();
    assert!(bucket.get(&blob(&gone)).is_none());
    assert!(bucket.get(&blob(&kept)).is_some());
    fleet.registry.aar(&["storage", "verify"]).done();
    theirs_is_untouched(&fleet);
}
