//! The stored data is verified, rebuilt into a lost database, and collected when it is garbage.

use std::path::{Path, PathBuf};

use aar_testkit::{Fleet, Package, SOON, SmallVolume, TestRegistry, eventually, until};
use serde_json::Value;

fn create(fleet: &Fleet, name: &str, seed: u64) {
    let package = Package::new(name).noise("level.dat", 1 << 20, seed);
    fleet.publisher.create(&package);
    fleet.client.wait_for(name, 0);
}

/// Deletes an application on the publisher and in the registry.
fn delete(fleet: &Fleet, name: &str) {
    let delete = ["application", "delete", name, "-y"];
    fleet.publisher.amc(&delete).success();
    fleet.publisher.amc(&["registry", "delete", name]).success();
    fleet.client.wait_until_gone(name);
}

fn digest(fleet: &Fleet, name: &str) -> String {
    let application = fleet.registry.application(name).unwrap();
    let image = &application["variants"][0]["versions"][0]["image"];
    image["digest"].as_str().unwrap().to_owned()
}

fn as_text(applications: Vec<Value>) -> String {
    let text = Value::from(applications).to_string();
    assert!(text.contains("fingerprint"));
    text
}

#[test]
fn verify_names_only_the_corrupt_image() {
    let fleet = Fleet::start();
    create(&fleet, "good", 1);
    create(&fleet, "bad", 2);
    fleet.registry.aar(&["storage", "verify"]).success();
    let bad = digest(&fleet, "bad");
    let stored = fleet.registry.stored_objects();
    let (path, _) = stored
        .iter()
        .find(|(path, _)| path.ends_with(&bad))
        .unwrap();
    flip_bit_in(&fleet.registry.base().join("data").join(path));
    let verified = fleet.registry.aar(&["storage", "verify"]);
    assert_eq!(verified.code, 1, "{verified:?}");
    let report = verified.stdout + &verified.stderr;
    assert!(report.contains(&bad), "{report}");
    assert!(!report.contains(&digest(&fleet, "good")), "{report}");
}

fn flip_bit_in(path: &Path) {
    let mut bytes = fs_err::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(path, bytes).unwrap();
}

#[test]
fn lost_database_is_rebuilt_from_storage() {
    let mut fleet = Fleet::start();
    create(&fleet, "one", 1);
    create(&fleet, "two", 2);
    create(&fleet, "gone", 3);
    delete(&fleet, "gone");
    let before = as_text(fleet.registry.applications());
    let trusted = ["trust", "list", "--format", "json"];
    let trust_before = fleet.registry.aar(&trusted).json();
    fleet.registry.stop();
    lose_database(&fleet.registry);

    // A registry that started empty would make every client remove its applications.
    let serve = fleet.registry.aar(&["serve"]);
    assert_eq!(serve.code, 1, "{serve:?}");
    assert!(serve.stderr.contains("storage rebuild"), "{}", serve.stderr);

    fleet.registry.aar(&["storage", "rebuild"]).success();
    fleet.registry.run();
    assert_eq!(as_text(fleet.registry.applications()), before);
    assert_eq!(
        fleet
            .registry
            .aar(&trusted)
            .json()
            .as_array()
            .unwrap()
            .len(),
        trust_before.as_array().unwrap().len()
    );
    fleet.client.amc(&["registry", "pull"]).success();
    assert_eq!(fleet.client.names(), ["one", "two"]);
    create(&fleet, "three", 4);
}

/// A client must not remove its only intact copy because the registry lost its own.
#[test]
fn rebuild_with_losses_changes_nothing_until_accepted() {
    let mut fleet = Fleet::start();
    create(&fleet, "one", 1);
    create(&fleet, "two", 2);
    let blobs = fleet.registry.base().join("data/blobs");
    fleet.registry.stop();
    lose_database(&fleet.registry);
    fs_err::remove_file(first_file(&blobs)).unwrap();

    let rebuild = fleet.registry.aar(&["storage", "rebuild"]);
    assert_eq!(rebuild.code, 1, "{rebuild:?}");
    assert!(rebuild.stderr.contains("is not stored"), "{rebuild:?}");
    assert!(rebuild.stderr.contains("--accept-losses"), "{rebuild:?}");
    let serve = fleet.registry.aar(&["serve"]);
    assert_eq!(serve.code, 1, "{serve:?}");
    assert_eq!(fleet.client.names(), ["one", "two"]);

    let accept = ["storage", "rebuild", "--accept-losses"];
    fleet.registry.aar(&accept).success();
    fleet.registry.run();
    assert_eq!(fleet.registry.applications().len(), 1);
}

fn first_file(folder: &Path) -> PathBuf {
    let entry = fs_err::read_dir(folder).unwrap().next().unwrap().unwrap();
    let path = entry.path();
    if path.is_dir() {
        first_file(&path)
    } else {
        path
    }
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
    let mut fleet = Fleet::start();
    create(&fleet, "kept", 1);
    create(&fleet, "gone", 2);
    delete(&fleet, "gone");
    let stored = fleet.registry.stored_objects();
    let in_grace_period = fleet.registry.aar(&["gc", "--format", "json"]).json();
    assert_eq!(in_grace_period.as_array().unwrap().len(), 0);

    fleet.registry.stop();
    let config = fleet.registry.base().join("conf/main.yaml");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(&config, format!("{text}gc:\n  grace: 1s\n")).unwrap();
    let dry_run = ["gc", "--dry-run", "--format", "json"];
    let plan = eventually("the grace period has passed", SOON, || {
        let plan = fleet.registry.aar(&dry_run).json();
        (plan.as_array().unwrap().len() == 1).then_some(plan)
    });
    assert_eq!(
        fleet.registry.stored_objects(),
        stored,
        "a dry run freed something"
    );
    let freed = fleet.registry.aar(&["gc", "--format", "json"]).json();
    assert_eq!(freed, plan);
    assert!(fleet.registry.stored_objects().len() < stored.len());
    fleet.registry.aar(&["storage", "verify"]).success();
    fleet.registry.run();
    fleet.client.amc(&["registry", "pull"]).success();
    assert_eq!(fleet.client.names(), ["kept"]);
}

#[test]
fn status_names_a_volume_that_is_read_only_or_has_no_inodes() {
    let Some(volume) = SmallVolume::mount("health of a volume", 8) else {
        return;
    };
    let mut registry = TestRegistry::prepare("");
    std::os::unix::fs::symlink(volume.path(), registry.base().join("data")).unwrap();
    registry.run();
    let http = registry.http(None);
    let wait_for = |status: u16, text: &str| {
        until(&format!("the status is {status} {text}"), SOON, || {
            let response = http.get("/1.0/status");
            response.status == status && response.text().contains(text)
        });
    };
    wait_for(200, "");
    volume.set_read_only(true);
    wait_for(503, "the storage cannot be written");
    volume.set_read_only(false);
    wait_for(200, "");
    let files = volume.use_up_inodes();
    wait_for(
        503,
        "the storage is full: there is no space, or there are no inodes",
    );
    fs_err::remove_dir_all(files).unwrap();
    wait_for(200, "");
}
