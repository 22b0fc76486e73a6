//! Taking a version back, and offering it again.

use aar_testkit::{Direction, Fleet, Package, SOON, until};

const SIZE: u64 = 2 << 20;

fn two_versions() -> Fleet {
    let fleet = Fleet::start();
    let folder = fleet.publisher.base().join("game");
    let path = folder.to_str().unwrap();
    Package::new("game")
        .noise("level.dat", SIZE, 1)
        .write_folder(&folder);
    fleet.publisher.amc(&["application", "create", path]).done();
    Package::new("game")
        .noise("level.dat", SIZE, 2)
        .write_folder(&folder);
    fleet
        .publisher
        .amc(&["application", "update", "game", path])
        .done();
    fleet.client.wait_for("game", 0);
    fleet.client.wait_for("game", 1);
    fleet
}

fn published(fleet: &Fleet, number: u64) -> Option<bool> {
    let version = fleet.client.version("game", number)?;
    version["published"].as_bool()
}

#[test]
fn a_withdrawn_version_stays_unpublished_and_comes_back_for_nothing() {
    let fleet = two_versions();
    fleet
        .publisher
        .amc(&["application", "revoke", "game", "1"])
        .done();
    until("the version is withdrawn", SOON, || {
        published(&fleet, 1) == Some(false)
    });
    assert_eq!(published(&fleet, 0), Some(true));

    let before = fleet.client_network.bytes(Direction::Down);
    fleet
        .publisher
        .amc(&["application", "publish", "game", "1"])
        .done();
    fleet.client.wait_for("game", 1);
    let fetched = fleet.client_network.bytes(Direction::Down) - before;
    assert!(fetched < SIZE / 2, "{fetched} bytes were fetched again");
}

#[test]
fn a_withdrawn_version_older_than_every_published_one_is_removed() {
    let fleet = two_versions();
    fleet
        .publisher
        .amc(&["application", "revoke", "game", "0"])
        .done();
    until("the old version is removed", SOON, || {
        fleet.client.version("game", 0).is_none()
    });
    assert_eq!(published(&fleet, 1), Some(true));
    fleet
        .publisher
        .amc(&["application", "publish", "game", "0"])
        .done();
    fleet.client.wait_for("game", 0);
}

#[test]
fn what_a_publisher_cleans_up_is_withdrawn_in_the_registry() {
    let fleet = two_versions();
    fleet
        .publisher
        .set(&[("application.max_published_versions", "2")]);
    let folder = fleet.publisher.base().join("game");
    Package::new("game")
        .noise("level.dat", SIZE, 3)
        .write_folder(&folder);
    let path = folder.to_str().unwrap();
    fleet
        .publisher
        .amc(&["application", "update", "game", path])
        .done();
    fleet.client.wait_for("game", 2);
    until("the first version is no longer offered", SOON, || {
        !fleet.client.offers("game", 0)
    });
    assert!(fleet.client.offers("game", 1));
}
