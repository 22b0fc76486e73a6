//! Much at once.

use std::thread;

use aar_testkit::{Fleet, Mode, Package, SOON, TestAms, until};

fn create(ams: &TestAms, name: &str, seed: u64) {
    let folder = Package::new(name).noise("level.dat", 2 << 20, seed);
    let folder = folder.write_folder(&ams.base().join(name));
    ams.amc(&["application", "create", folder.to_str().unwrap()])
        .done();
}

#[test]
fn many_applications_created_at_once_all_arrive_at_all_clients() {
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
    fleet.registry.aar(&["storage", "verify"]).done();
}

#[test]
fn two_publishers_of_one_name_do_not_overwrite_each_other() {
    let fleet = Fleet::start();
    let rival = fleet.join("amd64", Mode::Manual);
    create(&fleet.publisher, "game", 1);
    fleet.client.wait_for("game", 0);
    let before = fleet.registry.application("game").unwrap();
    create(&rival, "game", 2);
    let refused = rival.amc(&["registry", "push", "game"]).refused();
    assert!(refused.contains("error:"), "{refused}");
    assert_eq!(fleet.registry.application("game").unwrap(), before);
    rival.set(&[("registry.mode", "push")]);
    let status = rival.wait_for_status("the conflict is reported", |s| {
        s["conflicts"].as_array().is_some_and(|all| !all.is_empty())
    });
    assert_eq!(status["conflicts"][0]["application"], "game", "{status}");
    assert_eq!(fleet.registry.application("game").unwrap(), before);
}

#[test]
fn rounds_started_by_many_hands_join_into_one() {
    let fleet = Fleet::start();
    create(&fleet.publisher, "game", 1);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| fleet.client.amc(&["registry", "pull"]).done());
        }
    });
    fleet.client.wait_for("game", 0);
    until("the client is in step", SOON, || {
        fleet.client.registry_status()["last_round"]["outcome"] == "done"
    });
    assert_eq!(fleet.client.names(), ["game"]);
}
