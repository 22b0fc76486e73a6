//! Random power and network failures while applications travel.

use std::time::Duration;

use aar_testkit::{Direction, Fleet, Package, SOON, SoakRound, sha256, soak_rounds, until};

const MIB: u64 = 1 << 20;
/// Several parts of an upload.
const LARGEST_IMAGE: u64 = 24 * MIB;
const MOST_FAILURES: u64 = 3;

#[test]
fn application_arrives_whole_despite_random_failures() {
    let mut fleet = Fleet::start_manual_without_redirects();
    fleet.publisher.set(&[("registry.mode", "push")]);
    fleet.client.set(&[("registry.mode", "pull")]);
    for mut round in soak_rounds(2) {
        let name = format!("soak-{}", round.seed());
        create(&fleet, &name, &mut round);
        for _ in 0..round.random_below(MOST_FAILURES + 1) {
            wait_for_traffic(&fleet, &mut round);
            fail(&mut fleet, &mut round);
        }
        fleet.client.wait_for(&name, 0);
        let sent = sha256(&fleet.publisher.export(&name, 0));
        assert_eq!(sha256(&fleet.client.export(&name, 0)), sent);
        fleet.registry.aar(&["storage", "verify"]).success();
        delete(&fleet, &name);
    }
}

fn create(fleet: &Fleet, name: &str, round: &mut SoakRound) {
    let folder = fleet.publisher.base().join(name);
    let size = 1 + round.random_below(LARGEST_IMAGE);
    Package::new(name)
        .noise("level.dat", size, round.seed())
        .write_folder(&folder);
    let path = folder.to_str().unwrap();
    fleet
        .publisher
        .amc(&["application", "create", path])
        .success();
    fs_err::remove_dir_all(folder).unwrap();
}

/// Waits until a random number of bytes has travelled, or for a short time if fewer are left.
fn wait_for_traffic(fleet: &Fleet, round: &mut SoakRound) {
    let traffic = || {
        fleet.publisher_network.bytes(Direction::Up) + fleet.client_network.bytes(Direction::Down)
    };
    let target = traffic() + round.random_below(LARGEST_IMAGE);
    let tries = round.random_below(100);
    for _ in 0..tries {
        if traffic() >= target {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A power failure of one machine, or a network that fails for a moment.
fn fail(fleet: &mut Fleet, round: &mut SoakRound) {
    match round.random_below(5) {
        0 => {
            fleet.registry.kill();
            fleet.registry.run();
        }
        1 => {
            fleet.publisher.kill();
            fleet.publisher.run();
        }
        2 => {
            fleet.client.kill();
            fleet.client.run();
        }
        3 => {
            fleet.publisher_network.fail();
            fleet.publisher_network.heal();
        }
        _ => {
            fleet.client_network.fail();
            fleet.client_network.heal();
        }
    }
}

/// Deletes the application, so that every round begins with empty machines.
fn delete(fleet: &Fleet, name: &str) {
    let delete = ["application", "delete", name, "-y"];
    fleet.publisher.amc(&delete).success();
    fleet.registry.aar(&delete).success();
    fleet.client.wait_until_gone(name);
    until("the registry has no application", SOON, || {
        fleet.registry.applications().is_empty()
    });
}
