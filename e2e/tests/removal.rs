//! An application is removed everywhere on purpose, and never by accident.

use aar_testkit::{Fleet, Package, SOON, TestRegistry, until};
use serde_json::json;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A fleet whose client has four applications.
fn fleet_with_four_applications() -> Fleet {
    let fleet = Fleet::start();
    for name in NAMES {
        fleet.publisher.create(&Package::new(name));
    }
    for name in NAMES {
        fleet.client.wait_for(name, 0);
    }
    fleet
}

/// Deletes every application while the client is disconnected, so that it sees all deletions at once.
fn empty_registry(fleet: &Fleet) {
    fleet.client_network.fail();
    for name in NAMES {
        let delete = ["application", "delete", name, "-y"];
        fleet.registry.aar(&delete).success();
    }
    fleet.client_network.heal();
}

fn wait_for_held_removal(fleet: &Fleet) -> serde_json::Value {
    fleet
        .client
        .wait_for_status("removal is held", |status| !status["held"].is_null())
}

fn wait_for_nothing_held(fleet: &Fleet) -> serde_json::Value {
    fleet
        .client
        .wait_for_status("nothing is held", |status| status["held"].is_null())
}

#[test]
fn application_deleted_in_the_registry_is_removed_from_clients() {
    let fleet = fleet_with_four_applications();
    let delete = ["application", "delete", "a", "-y"];
    fleet.publisher.amc(&delete).success();
    assert!(
        fleet.registry.application("a").is_some(),
        "deletion on the publisher deleted in the registry"
    );
    fleet.publisher.amc(&["registry", "delete", "a"]).success();
    fleet.client.wait_until_gone("a");
    assert_eq!(fleet.client.names(), ["b", "c", "d"]);
    let files = fleet.client.files();
    let images = files
        .iter()
        .filter(|(path, _)| path.to_string_lossy().ends_with(".zst"));
    assert!(images.count() <= 3, "{files:?}");
}

#[test]
fn emptied_registry_removes_nothing_until_confirmed() {
    let fleet = fleet_with_four_applications();
    // In push mode the publisher would push everything again.
    fleet.publisher.set(&[("registry.mode", "manual")]);
    empty_registry(&fleet);
    let status = wait_for_held_removal(&fleet);
    let held = status["held"]["applications"].as_array().unwrap();
    assert_eq!(held.len(), 4, "{status}");
    assert_eq!(fleet.client.names(), NAMES);
    let shown = fleet.client.amc(&["registry", "status"]).success();
    assert!(shown.contains("removal held"), "{shown}");

    fleet
        .client
        .amc(&["registry", "pull", "--confirm-removals"])
        .success();
    until("everything is removed", SOON, || {
        fleet.client.names().is_empty()
    });
    wait_for_nothing_held(&fleet);
}

#[test]
fn held_removal_is_dropped_when_the_applications_return() {
    let fleet = fleet_with_four_applications();
    fleet.publisher.set(&[("registry.mode", "manual")]);
    empty_registry(&fleet);
    wait_for_held_removal(&fleet);
    fleet.publisher.set(&[("registry.mode", "push")]);
    wait_for_nothing_held(&fleet);
    for name in NAMES {
        fleet.client.wait_for(name, 0);
    }
}

#[test]
fn held_removals_stay_held_after_a_restart() {
    let mut fleet = fleet_with_four_applications();
    fleet.publisher.set(&[("registry.mode", "manual")]);
    empty_registry(&fleet);
    wait_for_held_removal(&fleet);
    fleet.client.kill();
    // Two of four alone would not be held.
    for name in ["a", "b"] {
        fleet.publisher.amc(&["registry", "push", name]).success();
    }
    fleet.client.run();
    let status = fleet
        .client
        .wait_for_status("the other two are held", |status| {
            status["held"]["applications"] == json!(["c", "d"])
        });
    assert_eq!(fleet.client.names(), NAMES, "{status}");
}

/// An empty registry with the certificate and key of another one.
fn replacement_of(registry: &TestRegistry) -> TestRegistry {
    let mut replacement = TestRegistry::prepare("");
    let certs = replacement.base().join("certs");
    fs_err::create_dir_all(&certs).unwrap();
    for file in ["server.crt", "server.key"] {
        fs_err::copy(registry.base().join("certs").join(file), certs.join(file)).unwrap();
    }
    replacement.run();
    replacement
}

#[test]
fn registry_replaced_by_an_empty_one_removes_nothing() {
    let mut fleet = fleet_with_four_applications();
    fleet.publisher.set(&[("registry.mode", "manual")]);
    let known_id = fleet.client.registry_status()["registry_id"].clone();
    let replacement = replacement_of(&fleet.registry);
    replacement.trust(&fleet.client.client_certificate(), "client");
    fleet.client_network.redirect_to(replacement.address());
    let pull = fleet.client.amc(&["registry", "pull"]);
    let status = wait_for_held_removal(&fleet);
    assert_eq!(fleet.client.names(), NAMES, "{status} {pull:?}");

    fleet.client_network.redirect_to(fleet.registry.address());
    fleet.client.amc(&["registry", "pull"]).success();
    let status = wait_for_nothing_held(&fleet);
    assert_eq!(status["registry_id"], known_id);
    assert_eq!(fleet.client.names(), NAMES);
    fleet.registry.stop();
}

#[test]
fn local_application_of_the_same_name_is_never_changed() {
    let fleet = Fleet::start();
    fleet
        .client
        .create(&Package::new("game").with("version: '1'"));
    fleet.publisher.create(&Package::new("game"));
    let status = fleet
        .client
        .wait_for_status("the conflict is reported", |status| {
            status["conflicts"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
        });
    assert_eq!(status["conflicts"][0]["application"], "game", "{status}");
    let local = fleet.client.application("game").unwrap();
    assert_eq!(local["immutable"], false);
    let delete = ["application", "delete", "game", "-y"];
    fleet.client.amc(&delete).success();
    fleet.client.amc(&["registry", "pull"]).success();
    fleet.client.wait_for("game", 0);
    assert_eq!(fleet.client.application("game").unwrap()["immutable"], true);
}
