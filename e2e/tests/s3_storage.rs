//! The data in a bucket is verified, rebuilt into a lost database, and collected when it is garbage.

use aar_testkit::{Fleet, Package, S3Server, SOON, TestRegistry, eventually};
use serde_json::Value;

/// A fleet on a bucket without a grace period for garbage.
fn fleet(test: &str) -> Option<Fleet> {
    let bucket = S3Server::ceph(test)?.new_bucket();
    // Other programs may use the same bucket; their objects must not be touched.
    bucket.put("other/program", "untouched");
    let section = bucket.section() + "    prefix: fleet/one\n";
    let mut registry = TestRegistry::prepare_s3(bucket, &section, "gc:\n  grace: 0s\n");
    registry.run();
    Some(Fleet::start_on(registry, &[]))
}

fn create(fleet: &Fleet, name: &str, seed: u64) {
    let package = Package::new(name).noise("level.dat", 1 << 20, seed);
    fleet.publisher.create(&package);
    fleet.client.wait_for(name, 0);
}

fn delete(fleet: &Fleet, name: &str) {
    fleet
        .publisher
        .amc(&["application", "delete", name, "-y"])
        .success();
    fleet.publisher.amc(&["registry", "delete", name]).success();
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

fn assert_other_objects_are_untouched(fleet: &Fleet) {
    let bucket = fleet.registry.bucket().unwrap();
    assert_eq!(bucket.get("other/program").unwrap(), b"untouched");
}

#[test]
fn verify_names_corrupt_and_missing_images() {
    let Some(fleet) = fleet("verification of a bucket") else {
        return;
    };
    for (seed, name) in (1..).zip(["good", "bad", "lost"]) {
        create(&fleet, name, seed);
    }
    fleet.registry.aar(&["storage", "verify"]).success();
    let bucket = fleet.registry.bucket().unwrap();
    let digests = ["good", "bad", "lost"].map(|name| digest(&fleet, name));
    let mut bytes = bucket.get(&blob(&digests[1])).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bucket.put(&blob(&digests[1]), bytes);
    bucket.delete(&blob(&digests[2]));
    let verified = fleet.registry.aar(&["storage", "verify"]);
    assert_eq!(verified.code, 1, "{verified:?}");
    let report = verified.stdout + &verified.stderr;
    let named = digests.map(|digest| report.contains(&digest));
    assert_eq!(named, [false, true, true], "{report}");
    assert_other_objects_are_untouched(&fleet);
}

#[test]
fn lost_database_is_rebuilt_from_the_bucket() {
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
    let error = fleet.registry.aar(&["serve"]).failure();
    assert!(error.contains("storage rebuild"), "{error}");
    fleet.registry.aar(&["storage", "rebuild"]).success();
    fleet.registry.run();
    assert_eq!(Value::from(fleet.registry.applications()), before);
    fleet.client.amc(&["registry", "pull"]).success();
    assert_eq!(fleet.client.names(), ["one", "two"]);
    create(&fleet, "three", 4);
    assert_other_objects_are_untouched(&fleet);
}

/// A client must not remove its only intact copy because the registry lost its own.
#[test]
fn rebuild_with_losses_changes_nothing_until_accepted() {
    let Some(mut fleet) = fleet("rebuilding from a bucket with losses") else {
        return;
    };
    for (seed, name) in (1..).zip(["one", "two"]) {
        create(&fleet, name, seed);
    }
    let lost = blob(&digest(&fleet, "two"));
    fleet.registry.stop();
    lose_database(&fleet.registry);
    fleet.registry.bucket().unwrap().delete(&lost);
    let error = fleet.registry.aar(&["storage", "rebuild"]).failure();
    assert!(error.contains("--accept-losses"), "{error}");
    fleet.registry.aar(&["serve"]).failure();
    assert_eq!(fleet.client.names(), ["one", "two"]);

    let accept = ["storage", "rebuild", "--accept-losses"];
    fleet.registry.aar(&accept).success();
    fleet.registry.run();
    assert!(fleet.registry.application("two").is_none());
    assert!(fleet.registry.application("one").is_some());
    assert_other_objects_are_untouched(&fleet);
}

/// Removes the database files, as a failed disk would.
fn lose_database(registry: &TestRegistry) {
    let entries = fs_err::read_dir(registry.base()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files: Vec<_> = paths
        .filter(|path| path.to_string_lossy().contains(".sqlite"))
        .collect();
    assert!(!files.is_empty(), "there is no database");
    for path in files {
        fs_err::remove_file(path).unwrap();
    }
}

#[test]
fn gc_dry_run_lists_exactly_what_gc_frees() {
    let Some(fleet) = fleet("garbage in a bucket") else {
        return;
    };
    create(&fleet, "kept", 1);
    create(&fleet, "gone", 2);
    let (kept, gone) = (digest(&fleet, "kept"), digest(&fleet, "gone"));
    delete(&fleet, "gone");
    let stored = fleet.registry.stored_objects();
    let dry_run = ["gc", "--dry-run", "--format", "json"];
    let plan = eventually("there is garbage", SOON, || {
        let plan = fleet.registry.aar(&dry_run).json();
        (plan.as_array().unwrap().len() == 1).then_some(plan)
    });
    assert!(plan.to_string().contains(&gone), "{plan}");
    assert_eq!(
        fleet.registry.stored_objects(),
        stored,
        "a dry run freed something"
    );
    let freed = fleet.registry.aar(&["gc", "--format", "json"]).json();
    assert_eq!(freed, plan);
    let bucket = fleet.registry.bucket().unwrap();
    assert!(bucket.get(&blob(&gone)).is_none());
    assert!(bucket.get(&blob(&kept)).is_some());
    fleet.registry.aar(&["storage", "verify"]).success();
    assert_other_objects_are_untouched(&fleet);
}
