//! One name, one publisher for each architecture.

use aar_testkit::{Fleet, Mode, Package, SOON, TestAms, sha256, until};

fn create(ams: &TestAms, seed: u64) {
    let folder = ams.base().join("game");
    Package::new("game")
        .noise("level.dat", 1 << 20, seed)
        .write_folder(&folder);
    ams.amc(&["application", "create", folder.to_str().unwrap()])
        .done();
}

#[test]
fn each_client_gets_its_own_architecture_of_a_name() {
    let fleet = Fleet::start();
    let arm_publisher = fleet.join("arm64", Mode::Push);
    let arm_client = fleet.join("arm64", Mode::Pull);
    create(&fleet.publisher, 1);
    create(&arm_publisher, 2);
    fleet.client.wait_for("game", 0);
    arm_client.wait_for("game", 0);

    let (amd, arm) = (fleet.client.export("game", 0), arm_client.export("game", 0));
    assert_eq!(sha256(&amd), sha256(&fleet.publisher.export("game", 0)));
    assert_eq!(sha256(&arm), sha256(&arm_publisher.export("game", 0)));
    assert_ne!(sha256(&amd), sha256(&arm));

    let game = fleet.registry.application("game").unwrap();
    let variants = game["variants"].as_array().unwrap();
    let names: Vec<_> = variants
        .iter()
        .map(|v| v["architecture"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["amd64", "arm64"]);
}

#[test]
fn a_publisher_deletes_its_own_architecture_only() {
    let fleet = Fleet::start();
    let arm_publisher = fleet.join("arm64", Mode::Push);
    create(&fleet.publisher, 1);
    create(&arm_publisher, 2);
    fleet.client.wait_for("game", 0);
    until("both are there", SOON, || {
        let game = fleet.registry.application("game").unwrap();
        game["variants"].as_array().unwrap().len() == 2
    });
    arm_publisher
        .amc(&["application", "delete", "game", "-y"])
        .done();
    arm_publisher.amc(&["registry", "delete", "game"]).done();
    let game = fleet.registry.application("game").unwrap();
    assert_eq!(game["variants"].as_array().unwrap().len(), 1);
    assert_eq!(game["variants"][0]["architecture"], "amd64");
    assert!(fleet.client.offers("game", 0));

    fleet
        .publisher
        .amc(&["application", "delete", "game", "-y"])
        .done();
    fleet.publisher.amc(&["registry", "delete", "game"]).done();
    assert!(fleet.registry.application("game").is_none());
    fleet.client.wait_until_gone("game");
}
