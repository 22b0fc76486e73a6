//! What is stored, whether it is all there, and how it comes back.

use std::path::{Path, PathBuf};

use aar_testkit::{Fleet, Package, SOON, TestRegistry, eventually};
use serde_json::Value;

fn create(fleet: &Fleet, name: &str, seed: u64) {
    let folder = Package::new(name).noise("level.dat", 1 << 20, seed);
    let folder = folder.write_folder(&fleet.publisher.base().join(name));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet.client.wait_for(name, 0);
}

fn without_dates(applications: Vec<Value>) -> String {
    let text = Value::from(applications).to_string();
    assert!(text.contains("fingerprint"));
    text
}

#[test]
fn verification_reads_everything_and_names_what_is_corrupt() {
    let fleet = Fleet::start();
    create(&fleet, "good", 1);
    create(&fleet, "bad", 2);
    fleet.registry.aar(&["storage", "verify"]).done();
    let bad = fleet.registry.application("bad").unwrap();
    let digest = bad["variants"][0]["versions"][0]["image"]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let stored = fleet.registry.stored();
    let (path, _) = stored
        .iter()
        .find(|(path, _)| path.ends_with(&digest))
        .unwrap();
    let path = fleet.registry.base().join("data").join(path);
    let mut bytes = fs_err::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(&path, bytes).unwrap();
    let verified = fleet.registry.aar(&["storage", "verify"]);
    assert_eq!(verified.code, 1, "{verified:?}");
    let told = verified.stdout + &verified.stderr;
    assert!(told.contains(&digest), "{told}");
    let good = fleet.registry.application("good").unwrap();
    let good = good["variants"][0]["versions"][0]["image"]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!told.contains(&good), "{told}");
}

#[test]
fn a_lost_database_is_rebuilt_from_storage_alone() {
    let mut fleet = Fleet::start();
    create(&fleet, "one", 1);
    create(&fleet, "two", 2);
    create(&fleet, "gone", 3);
    fleet
        .publisher
        .amc(&["application", "delete", "gone", "-y"])
        .done();
    fleet.publisher.amc(&["registry", "delete", "gone"]).done();
    fleet.client.wait_until_gone("gone");
    let before = without_dates(fleet.registry.applications());
    let trusted = ["trust", "list", "--format", "json"];
    let trust_before = fleet.registry.aar(&trusted).json();
    fleet.registry.stop();
    lose_database(&fleet.registry);

    // Rather than tell a fleet that there is nothing, it does not start.
    let refused = fleet.registry.aar(&["serve"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("storage rebuild"),
        "{}",
        refused.stderr
    );

    fleet.registry.aar(&["storage", "rebuild"]).done();
    fleet.registry.run();
    assert_eq!(without_dates(fleet.registry.applications()), before);
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
    fleet.client.amc(&["registry", "pull"]).done();
    assert_eq!(fleet.client.names(), ["one", "two"]);
    create(&fleet, "three", 4);
}

/// A client must not remove its last good copy because the registry lost its own.
#[test]
fn a_rebuild_that_would_lose_a_version_changes_nothing_until_that_is_accepted() {
    let mut fleet = Fleet::start();
    create(&fleet, "one", 1);
    create(&fleet, "two", 2);
    let blobs = fleet.registry.base().join("data/blobs");
    fleet.registry.stop();
    lose_database(&fleet.registry);
    fs_err::remove_file(first_file(&blobs)).unwrap();

    let refused = fleet.registry.aar(&["storage", "rebuild"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("is not stored"), "{refused:?}");
    assert!(refused.stderr.contains("--accept-losses"), "{refused:?}");
    let refused = fleet.registry.aar(&["serve"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(fleet.client.names(), ["one", "two"]);

    let accept = ["storage", "rebuild", "--accept-losses"];
    fleet.registry.aar(&accept).done();
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
    let mut fleet = Fleet::start();
    create(&fleet, "kept", 1);
    create(&fleet, "gone", 2);
    fleet
        .publisher
        .amc(&["application", "delete", "gone", "-y"])
        .done();
    fleet.publisher.amc(&["registry", "delete", "gone"]).done();
    fleet.client.wait_until_gone("gone");
    let stored = fleet.registry.stored();
    let within_grace = fleet.registry.aar(&["gc", "--format", "json"]).json();
    assert_eq!(within_grace.as_array().unwrap().len(), 0);

    fleet.registry.stop();
    let config = fleet.registry.base().join("conf/main.yaml");
    let text = fs_err::read_to_string(&config).unwrap();
    fs_err::write(&config, format!("{text}gc:\n  grace: 1s\n")).unwrap();
    let dry_run = ["gc", "--dry-run", "--format", "json"];
    let plan = eventually("the time of grace is over", SOON, || {
        let plan = fleet.registry.aar(&dry_run).json();
        (plan.as_array().unwrap().len() == 1).then_some(plan)
    });
    assert_eq!(
        fleet.registry.stored(),
        stored,
        "a dry run has freed something"
    );
    let freed = fleet.registry.aar(&["gc", "--format", "json"]).json();
    assert_eq!(freed, plan);
    assert!(fleet.registry.stored().len() < stored.len());
    fleet.registry.aar(&["storage", "verify"]).done();
    fleet.registry.run();
    fleet.client.amc(&["registry", "pull"]).done();
    assert_eq!(fleet.client.names(), ["kept"]);
}
