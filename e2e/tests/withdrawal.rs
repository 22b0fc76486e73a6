//! A version is withdrawn and published again.

use aar_testkit::{Direction, Fleet, Package, SOON, until};

const SIZE: u64 = 2 << 20;

fn package(seed: u64) -> Package {
    Package::new("game").noise("level.dat", SIZE, seed)
}

fn fleet_with_two_versions() -> Fleet {
    let fleet = Fleet::start();
    fleet.publisher.create(&package(1));
    fleet.publisher.update(&package(2));
    fleet.client.wait_for("game", 0);
    fleet.client.wait_for("game", 1);
    fleet
}

fn withdraw(fleet: &Fleet, number: &str) {
    let revoke = ["application", "revoke", "game", number];
    fleet.publisher.amc(&revoke).success();
}

fn publish(fleet: &Fleet, number: &str) {
    let publish = ["application", "publish", "game", number];
    fleet.publisher.amc(&publish).success();
}

fn is_published(fleet: &Fleet, number: u64) -> Option<bool> {
    let version = fleet.client.version("game", number)?;
    version["published"].as_bool()
}

#[test]
fn withdrawn_version_is_published_again_without_a_download() {
    let fleet = fleet_with_two_versions();
    withdraw(&fleet, "1");
    until("the version is withdrawn", SOON, || {
        is_published(&fleet, 1) == Some(false)
    });
    assert_eq!(is_published(&fleet, 0), Some(true));

    let before = fleet.client_network.bytes(Direction::Down);
    publish(&fleet, "1");
    fleet.client.wait_for("game", 1);
    let received = fleet.client_network.bytes(Direction::Down) - before;
    assert!(received < SIZE / 2, "{received} bytes were received again");
}

#[test]
fn withdrawn_version_older_than_all_published_ones_is_removed() {
    let fleet = fleet_with_two_versions();
    withdraw(&fleet, "0");
    until("the old version is removed", SOON, || {
        fleet.client.version("game", 0).is_none()
    });
    assert_eq!(is_published(&fleet, 1), Some(true));
    publish(&fleet, "0");
    fleet.client.wait_for("game", 0);
}

#[test]
fn version_removed_by_its_publisher_is_withdrawn_in_the_registry() {
    let fleet = fleet_with_two_versions();
    let keep_two = ("application.max_published_versions", "2");
    fleet.publisher.set(&[keep_two]);
    fleet.publisher.update(&package(3));
    fleet.client.wait_for("game", 2);
    until("the first version is withdrawn", SOON, || {
        !fleet.client.has_published("game", 0)
    });
    assert!(fleet.client.has_published("game", 1));
}
