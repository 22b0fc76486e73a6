//! Programs are killed in the middle of their work: what was acknowledged stays, transfers resume, and no
//! partial data is left.

use aar_testkit::{Direction, Fleet, Package, Process, SOON, TestAms, sha256, until};

/// The size of the image: more than a resumed transfer may repeat.
const SIZE: u64 = 96 << 20;
/// The number of bytes after which a program is killed.
const MIDDLE: u64 = 64 << 20;
/// The most bytes that may be sent twice: those in flight that were not durable yet.
const REPEATED: u64 = 40 << 20;
/// In bytes a second: a transfer is slow enough to be interrupted in the middle.
const RATE: u64 = 24 << 20;

fn create_big(fleet: &Fleet) {
    let package = Package::new("big").noise("level.dat", SIZE, 1);
    fleet.publisher.create(&package);
    fs_err::remove_dir_all(fleet.publisher.base().join("big")).unwrap();
}

fn fleet_in_the_middle_of_a_push() -> Fleet {
    let fleet = Fleet::start_manual();
    create_big(&fleet);
    fleet.publisher_network.throttle(RATE);
    fleet.publisher.set(&[("registry.mode", "push")]);
    until("half of the image is pushed", SOON, || {
        fleet.publisher_network.bytes(Direction::Up) > MIDDLE
    });
    assert!(
        fleet.registry.application("big").is_none(),
        "visible before it is complete"
    );
    fleet
}

fn fleet_in_the_middle_of_a_pull() -> Fleet {
    let fleet = Fleet::start_manual_without_redirects();
    create_big(&fleet);
    fleet.publisher.set(&[("registry.mode", "push")]);
    until("the application is in the registry", SOON, || {
        fleet.registry.application("big").is_some()
    });
    fleet.client_network.throttle(RATE);
    fleet.client.set(&[("registry.mode", "pull")]);
    until("half of the image is pulled", SOON, || {
        fleet.client_network.bytes(Direction::Down) > MIDDLE
    });
    assert!(
        fleet.client.names().is_empty(),
        "visible before it is complete"
    );
    fleet
}

fn assert_push_resumes(fleet: &Fleet) {
    until("the push is complete", SOON, || {
        fleet.registry.application("big").is_some()
    });
    let sent = fleet.publisher_network.bytes(Direction::Up);
    assert!(
        sent < SIZE + REPEATED,
        "{sent} bytes were sent for an image of {SIZE}"
    );
    let big = fleet.registry.application("big").unwrap();
    let digest = &big["variants"][0]["versions"][0]["image"]["digest"];
    assert_eq!(*digest, sha256(&fleet.publisher.export("big", 0)));
    fleet.registry.aar(&["storage", "verify"]).success();
    assert_no_partial_data_in_the_registry(fleet);
}

fn assert_pull_resumes(fleet: &Fleet) {
    fleet.client.wait_for("big", 0);
    let received = fleet.client_network.bytes(Direction::Down);
    assert!(
        received < SIZE + REPEATED,
        "{received} bytes were received for an image of {SIZE}"
    );
    let pushed = sha256(&fleet.publisher.export("big", 0));
    assert_eq!(sha256(&fleet.client.export("big", 0)), pushed);
    assert_no_partial_data_on_the_client(fleet);
}

/// The image is the only large object.
fn assert_no_partial_data_in_the_registry(fleet: &Fleet) {
    let large = || {
        let stored = fleet.registry.stored_objects().into_iter();
        stored
            .filter(|(_, size)| *size > 1 << 20)
            .collect::<Vec<_>>()
    };
    until("only the image is left", SOON, || large().len() == 1);
    let plan = fleet
        .registry
        .aar(&["gc", "--dry-run", "--format", "json"])
        .json();
    assert_eq!(plan.as_array().unwrap().len(), 0, "{plan}");
}

fn assert_no_partial_data_on_the_client(fleet: &Fleet) {
    let is_export = |path: &std::path::Path| path.extension().is_some_and(|e| e == "export");
    until("only the image is left", SOON, || {
        let files = fleet.client.files().into_iter();
        let large = files.filter(|(path, size)| *size > 1 << 20 && !is_export(path));
        large.count() == 1
    });
}

#[test]
fn killed_publisher_resumes_its_push() {
    let mut fleet = fleet_in_the_middle_of_a_push();
    fleet.publisher.kill();
    fleet.publisher_network.heal();
    fleet.publisher.run();
    assert_push_resumes(&fleet);
}

#[test]
fn push_resumes_after_the_registry_is_killed() {
    let mut fleet = fleet_in_the_middle_of_a_push();
    fleet.registry.kill();
    fleet.publisher_network.heal();
    fleet.registry.run();
    assert_push_resumes(&fleet);
}

#[test]
fn push_resumes_after_a_network_failure() {
    let fleet = fleet_in_the_middle_of_a_push();
    fleet.publisher_network.fail();
    fleet.publisher.wait_for_status("the push has failed", |s| {
        s["transfers"].as_array().is_some_and(Vec::is_empty) || s["last_round"].is_object()
    });
    fleet.publisher_network.heal();
    assert_push_resumes(&fleet);
}

#[test]
fn killed_client_resumes_its_pull() {
    let mut fleet = fleet_in_the_middle_of_a_pull();
    fleet.client.kill();
    fleet.client_network.heal();
    fleet.client.run();
    assert_pull_resumes(&fleet);
}

#[test]
fn pull_resumes_after_the_registry_is_killed() {
    let mut fleet = fleet_in_the_middle_of_a_pull();
    fleet.registry.kill();
    fleet.client_network.heal();
    fleet.registry.run();
    assert_pull_resumes(&fleet);
}

#[test]
fn killed_upload_command_leaves_no_staged_data() {
    let fleet = Fleet::start_manual();
    let zip = fleet.publisher.base().join("big.zip");
    Package::new("big")
        .noise("level.dat", 256 << 20, 1)
        .write_zip(&zip);
    let mut create = fleet.publisher.amc_command();
    create.args(["application", "create", zip.to_str().unwrap()]);
    let mut amc = Process::start(&mut create, &fleet.publisher.base().join("amc.log"));
    let staged = || {
        let files = fleet.publisher.files().into_iter();
        let is_source = |path: &std::path::Path| path.ends_with("big.zip");
        files
            .filter(|(path, _)| !is_source(path))
            .map(|(_, size)| size)
            .sum::<u64>()
    };
    until("the upload is in progress", SOON, || staged() > 8 << 20);
    amc.kill();
    until("the staged data is removed", SOON, || staged() < 1 << 20);
    assert!(fleet.publisher.names().is_empty());
}

#[test]
fn push_and_pull_continue_after_their_command_is_killed() {
    let fleet = Fleet::start_manual_without_redirects();
    create_big(&fleet);

    fleet.publisher_network.throttle(RATE);
    let sent = || fleet.publisher_network.bytes(Direction::Up);
    kill_in_the_middle(&fleet.publisher, &["registry", "push", "big"], sent);
    fleet.publisher_network.heal();
    assert_push_resumes(&fleet);

    fleet.client_network.throttle(RATE);
    let received = || fleet.client_network.bytes(Direction::Down);
    kill_in_the_middle(&fleet.client, &["registry", "pull", "big"], received);
    fleet.client_network.heal();
    assert_pull_resumes(&fleet);
}

fn kill_in_the_middle(ams: &TestAms, command: &[&str], transferred: impl Fn() -> u64) {
    let mut run = ams.amc_command();
    let mut amc = Process::start(run.args(command), &ams.base().join("amc.log"));
    until("half of the image is transferred", SOON, || {
        transferred() > MIDDLE
    });
    amc.assert_running();
    amc.kill();
}

#[test]
fn ams_killed_during_creation_leaves_no_partial_application() {
    let mut fleet = Fleet::start_manual();
    let folder = fleet.publisher.base().join("big");
    Package::new("big")
        .noise("level.dat", 256 << 20, 1)
        .write_folder(&folder);
    let mut create = fleet.publisher.amc_command();
    create.args(["application", "create", folder.to_str().unwrap()]);
    let _amc = Process::start(&mut create, &fleet.publisher.base().join("amc.log"));
    until("the creation is in progress", SOON, || {
        fleet.publisher.application("big").is_some()
    });
    fleet.publisher.kill();
    fs_err::remove_dir_all(&folder).unwrap();
    fleet.publisher.run();
    until("no usable version is shown", SOON, || {
        !fleet.publisher.has_published("big", 0)
            && fleet
                .publisher
                .application("big")
                .is_none_or(|big| big["status"] == "error")
    });
    if fleet.publisher.application("big").is_some() {
        fleet
            .publisher
            .amc(&["application", "delete", "big", "-y"])
            .success();
    }
    until("its data is removed", SOON, || {
        fleet
            .publisher
            .files()
            .iter()
            .all(|(_, size)| *size < 4 << 20)
    });
}
