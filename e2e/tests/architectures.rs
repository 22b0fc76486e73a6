//! An application has one publisher for each architecture.

use aar_testkit::{Fleet, Mode, Package, SOON, TestAms, sha256, until};

fn create_game(ams: &TestAms, seed: u64) {
    ams.create(&Package::new("game").noise("level.dat", 1 << 20, seed));
}

#[test]
fn client_gets_the_versions_of_its_architecture() {
    let fleet = Fleet::start();
    let arm_publisher = fleet.join("arm64", Mode::Push);
    let arm_client = fleet.join("arm64", Mode::Pull);
    create_game(&fleet.publisher, 1);
    create_game(&arm_publisher, 2);
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
fn publisher_deletes_only_its_own_architecture() {
    let fleet = Fleet::start();
    let arm_publisher = fleet.join("arm64", Mode::Push);
    create_game(&fleet.publisher, 1);
    create_game(&arm_publisher, 2);
    fleet.client.wait_for("game", 0);
    until("both architectures are in the registry", SOON, || {
        let game = fleet.registry.application("game").unwrap();
        game["variants"].as_array().unwrap().len() == 2
    });
    arm_publisher
        .amc(&["application", "delete", "game", "-y"])
        .success();
    arm_publisher.amc(&["registry", "delete", "game"]).success();
    let game = fleet.registry.application("game").unwrap();
    assert_eq!(game["variants"].as_array().unwrap().len(), 1);
    assert_eq!(game["variants"][0]["architecture"], "amd64");
    assert!(fleet.client.has_published("game", 0));

    fleet
        .publisher
        .amc(&["application", "delete", "game", "-y"])
        .success();
    fleet
        .publisher
        .amc(&["registry", "delete", "game"])
        .success();
    assert!(fleet.registry.application("game").is_none());
    fleet.client.wait_until_gone("game");
}
