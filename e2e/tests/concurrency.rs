//! Several commands and publishers at the same time.

use std::thread;

use aar_testkit::{Fleet, Mode, Package, SOON, TestAms, until};

fn create(ams: &TestAms, name: &str, seed: u64) {
    ams.create(&Package::new(name).noise("level.dat", 2 << 20, seed));
}

#[test]
fn applications_created_concurrently_arrive_at_every_client() {
    let fleet = Fleet::start();
    let other = fleet.join("amd64", Mode::Pull);
    let names: Vec<_> = (0..6).map(|n| format!("app{n}")).collect();
    thread::scope(|scope| {
        for (seed, name) in (1..).zip(&names) {
            let publisher = &fleet.publisher;
            scope.spawn(move || create(publisher, name, seed));
        }
    });
    for client in [&fleet.client, &other] {
        for name in &names {
            client.wait_for(name, 0);
        }
        assert_eq!(client.names(), names);
    }
    fleet.registry.aar(&["storage", "verify"]).success();
}

#[test]
fn second_publisher_of_a_name_is_refused() {
    let fleet = Fleet::start();
    let rival = fleet.join("amd64", Mode::Manual);
    create(&fleet.publisher, "game", 1);
    fleet.client.wait_for("game", 0);
    let before = fleet.registry.application("game").unwrap();
    create(&rival, "game", 2);
    let error = rival.amc(&["registry", "push", "game"]).failure();
    assert!(error.contains("error:"), "{error}");
    assert_eq!(fleet.registry.application("game").unwrap(), before);
    rival.set(&[("registry.mode", "push")]);
    let status = rival.wait_for_status("the conflict is reported", |s| {
        s["conflicts"].as_array().is_some_and(|all| !all.is_empty())
    });
    assert_eq!(status["conflicts"][0]["application"], "game", "{status}");
    assert_eq!(fleet.registry.application("game").unwrap(), before);
}

#[test]
fn concurrent_pull_commands_all_succeed() {
    let fleet = Fleet::start();
    create(&fleet.publisher, "game", 1);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| fleet.client.amc(&["registry", "pull"]).success());
        }
    });
    fleet.client.wait_for("game", 0);
    until("the last round is done", SOON, || {
        fleet.client.registry_status()["last_round"]["outcome"] == "done"
    });
    assert_eq!(fleet.client.names(), ["game"]);
}
