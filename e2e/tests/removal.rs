//! Removing an application everywhere, and never by accident.

use aar_testkit::{Fleet, Package, SOON, TestRegistry, until};
use serde_json::json;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn create(fleet: &Fleet, name: &str) {
    let folder = Package::new(name).write_folder(&fleet.publisher.base().join(name));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
}

/// A client with four applications.
fn four() -> Fleet {
    let fleet = Fleet::start();
    for name in NAMES {
        create(&fleet, name);
    }
    for name in NAMES {
        fleet.client.wait_for(name, 0);
    }
    fleet
}

/// Empties the registry while the client does not look, so that it finds everything gone at once.
fn empty(fleet: &Fleet) {
    fleet.client_network.fail();
    for name in NAMES {
        let delete = ["application", "delete", name, "-y"];
        fleet.registry.aar(&delete).done();
    }
    fleet.client_network.heal();
}

#[test]
fn what_is_deleted_in_the_registry_leaves_the_clients() {
    let fleet = four();
    fleet
        .publisher
        .amc(&["application", "delete", "a", "-y"])
        .done();
    assert!(
        fleet.registry.application("a").is_some(),
        "deleting locally deletes nothing there"
    );
    fleet.publisher.amc(&["registry", "delete", "a"]).done();
    fleet.client.wait_until_gone("a");
    assert_eq!(fleet.client.names(), ["b", "c", "d"]);
    let images = fleet.client.files();
    let versions = images
        .iter()
        .filter(|(path, _)| path.to_string_lossy().ends_with(".zst"));
    assert!(versions.count() <= 3, "{images:?}");
}

#[test]
fn emptying_the_registry_does_not_empty_the_clients_until_confirmed() {
    let fleet = four();
    // The publisher would bring everything back.
    fleet.publisher.set(&[("registry.mode", "manual")]);
    empty(&fleet);
    let status = fleet
        .client
        .wait_for_status("removal is held", |s| !s["held"].is_null());
    assert_eq!(
        status["held"]["applications"].as_array().unwrap().len(),
        4,
        "{status}"
    );
    assert_eq!(fleet.client.names(), NAMES);
    let told = fleet.client.amc(&["registry", "status"]).done();
    assert!(told.contains("removal held"), "{told}");

    fleet
        .client
        .amc(&["registry", "pull", "--confirm-removals"])
        .done();
    until("everything is removed", SOON, || {
        fleet.client.names().is_empty()
    });
    fleet
        .client
        .wait_for_status("nothing is held", |s| s["held"].is_null());
}

#[test]
fn a_held_removal_is_forgotten_when_the_listing_recovers() {
    let fleet = four();
    fleet.publisher.set(&[("registry.mode", "manual")]);
    empty(&fleet);
    fleet
        .client
        .wait_for_status("removal is held", |s| !s["held"].is_null());
    fleet.publisher.set(&[("registry.mode", "push")]);
    fleet
        .client
        .wait_for_status("nothing is held", |s| s["held"].is_null());
    for name in NAMES {
        fleet.client.wait_for(name, 0);
    }
}

#[test]
fn what_is_held_stays_held_when_the_client_restarts() {
    let mut fleet = four();
    fleet.publisher.set(&[("registry.mode", "manual")]);
    empty(&fleet);
    fleet
        .client
        .wait_for_status("removal is held", |s| !s["held"].is_null());
    fleet.client.kill();
    // Two of four would be no reason to hold anything.
    for name in ["a", "b"] {
        fleet.publisher.amc(&["registry", "push", name]).done();
    }
    fleet.client.run();
    let status = fleet.client.wait_for_status("the others are held", |s| {
        s["held"]["applications"] == json!(["c", "d"])
    });
    assert_eq!(fleet.client.names(), NAMES, "{status}");
}

#[test]
fn a_registry_that_was_replaced_by_an_empty_one_removes_nothing() {
    let mut fleet = four();
    fleet.publisher.set(&[("registry.mode", "manual")]);
    let known = fleet.client.registry_status()["registry_id"].clone();
    let mut other = TestRegistry::prepare("");
    for file in ["server.crt", "server.key"] {
        let to = other.base().join("certs");
        fs_err::create_dir_all(&to).unwrap();
        fs_err::copy(
            fleet.registry.base().join("certs").join(file),
            to.join(file),
        )
        .unwrap();
    }
    other.run();
    other.trust(&fleet.client.client_certificate(), "client");
    fleet.client_network.lead_to(other.address());
    let asked = fleet.client.amc(&["registry", "pull"]);
    let status = fleet
        .client
        .wait_for_status("removal is held", |s| !s["held"].is_null());
    assert_eq!(fleet.client.names(), NAMES, "{status} {asked:?}");

    fleet.client_network.lead_to(fleet.registry.address());
    fleet.client.amc(&["registry", "pull"]).done();
    let status = fleet
        .client
        .wait_for_status("all is well", |s| s["held"].is_null());
    assert_eq!(status["registry_id"], known);
    assert_eq!(fleet.client.names(), NAMES);
    fleet.registry.stop();
}

#[test]
fn a_local_application_of_the_same_name_is_never_touched() {
    let fleet = Fleet::start();
    let folder = fleet.client.base().join("mine");
    Package::new("game")
        .with("version: '1'")
        .write_folder(&folder);
    fleet
        .client
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    create(&fleet, "game");
    let status = fleet
        .client
        .wait_for_status("the conflict is reported", |s| {
            s["conflicts"].as_array().is_some_and(|all| !all.is_empty())
        });
    assert_eq!(status["conflicts"][0]["application"], "game", "{status}");
    let mine = fleet.client.application("game").unwrap();
    assert_eq!(mine["immutable"], false);
    fleet
        .client
        .amc(&["application", "delete", "game", "-y"])
        .done();
    fleet.client.amc(&["registry", "pull"]).done();
    fleet.client.wait_for("game", 0);
    assert_eq!(fleet.client.application("game").unwrap()["immutable"], true);
}
