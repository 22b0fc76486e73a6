//! Power failures in the middle of everything: what was done stays done, and nothing is left over.

use aar_testkit::{Direction, Fleet, Package, Process, SOON, TestAms, sha256, until};

/// More than what may be lost of an upload that was not yet put on record.
const SIZE: u64 = 96 << 20;
/// When the power fails.
const MIDDLE: u64 = 64 << 20;
/// What may travel twice: what was under way and not yet on record.
const TWICE: u64 = 40 << 20;
/// Slow enough to be caught in the middle, fast enough not to bore.
const RATE: u64 = 24 << 20;

fn create(fleet: &Fleet, name: &str) {
    let folder = fleet.publisher.base().join(name);
    Package::new(name)
        .noise("level.dat", SIZE, 1)
        .write_folder(&folder);
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fs_err::remove_dir_all(folder).unwrap();
}

/// A publisher that is in the middle of its push.
fn pushing() -> Fleet {
    let fleet = Fleet::introduced();
    create(&fleet, "big");
    fleet.publisher_network.throttle(RATE);
    fleet.publisher.set(&[("registry.mode", "push")]);
    until("the push is in the middle", SOON, || {
        fleet.publisher_network.bytes(Direction::Up) > MIDDLE
    });
    assert!(
        fleet.registry.application("big").is_none(),
        "visible before it is whole"
    );
    fleet
}

/// A client that is in the middle of its pull.
fn pulling() -> Fleet {
    let fleet = Fleet::served();
    create(&fleet, "big");
    fleet.publisher.set(&[("registry.mode", "push")]);
    until("the registry has it", SOON, || {
        fleet.registry.application("big").is_some()
    });
    fleet.client_network.throttle(RATE);
    fleet.client.set(&[("registry.mode", "pull")]);
    until("the pull is in the middle", SOON, || {
        fleet.client_network.bytes(Direction::Down) > MIDDLE
    });
    assert!(
        fleet.client.names().is_empty(),
        "visible before it is whole"
    );
    fleet
}

fn pushed_without_starting_over(fleet: &Fleet) {
    until("the push is completed", SOON, || {
        fleet.registry.application("big").is_some()
    });
    let sent = fleet.publisher_network.bytes(Direction::Up);
    assert!(
        sent < SIZE + TWICE,
        "{sent} bytes were sent for an image of {SIZE}"
    );
    let big = fleet.registry.application("big").unwrap();
    let digest = &big["variants"][0]["versions"][0]["image"]["digest"];
    assert_eq!(*digest, sha256(&fleet.publisher.export("big", 0)));
    fleet.registry.aar(&["storage", "verify"]).done();
    nothing_left_in_the_registry(fleet);
}

fn pulled_without_starting_over(fleet: &Fleet) {
    fleet.client.wait_for("big", 0);
    let fetched = fleet.client_network.bytes(Direction::Down);
    assert!(
        fetched < SIZE + TWICE,
        "{fetched} bytes were fetched for an image of {SIZE}"
    );
    let sent = sha256(&fleet.publisher.export("big", 0));
    assert_eq!(sha256(&fleet.client.export("big", 0)), sent);
    nothing_left_at_the_client(fleet);
}

/// One image, and nothing else of any size.
fn nothing_left_in_the_registry(fleet: &Fleet) {
    let large = || {
        let stored = fleet.registry.stored().into_iter();
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

fn nothing_left_at_the_client(fleet: &Fleet) {
    let exported = |path: &std::path::Path| path.extension().is_some_and(|e| e == "export");
    until("only the image is left", SOON, || {
        let files = fleet.client.files().into_iter();
        let large = files.filter(|(path, size)| *size > 1 << 20 && !exported(path));
        large.count() == 1
    });
}

#[test]
fn a_publisher_that_dies_continues_its_push() {
    let mut fleet = pushing();
    fleet.publisher.kill();
    fleet.publisher_network.heal();
    fleet.publisher.run();
    pushed_without_starting_over(&fleet);
}

#[test]
fn a_registry_that_dies_lets_a_push_continue() {
    let mut fleet = pushing();
    fleet.registry.kill();
    fleet.publisher_network.heal();
    fleet.registry.run();
    pushed_without_starting_over(&fleet);
}

#[test]
fn a_network_that_fails_lets_a_push_continue() {
    let fleet = pushing();
    fleet.publisher_network.fail();
    fleet
        .publisher
        .wait_for_status("the failure is noticed", |s| {
            s["transfers"].as_array().is_some_and(Vec::is_empty) || s["last_round"].is_object()
        });
    fleet.publisher_network.heal();
    pushed_without_starting_over(&fleet);
}

#[test]
fn a_client_that_dies_continues_its_pull() {
    let mut fleet = pulling();
    fleet.client.kill();
    fleet.client_network.heal();
    fleet.client.run();
    pulled_without_starting_over(&fleet);
}

#[test]
fn a_registry_that_dies_lets_a_pull_continue() {
    let mut fleet = pulling();
    fleet.registry.kill();
    fleet.client_network.heal();
    fleet.registry.run();
    pulled_without_starting_over(&fleet);
}

#[test]
fn a_command_that_dies_in_the_middle_of_an_upload_leaves_nothing() {
    let fleet = Fleet::introduced();
    let zip = fleet.publisher.base().join("big.zip");
    Package::new("big")
        .noise("level.dat", 256 << 20, 1)
        .write_zip(&zip);
    let mut create = fleet.publisher.amc_command();
    create.args(["application", "create", zip.to_str().unwrap()]);
    let mut amc = Process::start(&mut create, &fleet.publisher.base().join("amc.log"));
    let staged = || {
        let files = fleet.publisher.files().into_iter();
        let ours = |path: &std::path::Path| path.ends_with("big.zip");
        files
            .filter(|(path, _)| !ours(path))
            .map(|(_, size)| size)
            .sum::<u64>()
    };
    until("the upload is under way", SOON, || staged() > 8 << 20);
    amc.kill();
    until("what was staged is gone", SOON, || staged() < 1 << 20);
    assert!(fleet.publisher.names().is_empty());
}

/// Whoever asked for a transfer is not needed for it.
#[test]
fn a_command_that_dies_in_the_middle_of_a_push_or_a_pull_does_not_stop_it() {
    let fleet = Fleet::served();
    create(&fleet, "big");
    fleet.publisher.set(&[("registry.mode", "manual")]);
    fleet.client.set(&[("registry.mode", "manual")]);

    fleet.publisher_network.throttle(RATE);
    let sent = || fleet.publisher_network.bytes(Direction::Up);
    killed_in_the_middle(&fleet.publisher, &["registry", "push", "big"], sent);
    fleet.publisher_network.heal();
    pushed_without_starting_over(&fleet);

    fleet.client_network.throttle(RATE);
    let fetched = || fleet.client_network.bytes(Direction::Down);
    killed_in_the_middle(&fleet.client, &["registry", "pull", "big"], fetched);
    fleet.client_network.heal();
    pulled_without_starting_over(&fleet);
}

fn killed_in_the_middle(ams: &TestAms, command: &[&str], moved: impl Fn() -> u64) {
    let mut run = ams.amc_command();
    let mut amc = Process::start(run.args(command), &ams.base().join("amc.log"));
    until("the transfer is in the middle", SOON, || moved() > MIDDLE);
    amc.insist();
    amc.kill();
}

#[test]
fn an_ams_that_dies_while_it_creates_an_application_shows_no_half_of_it() {
    let mut fleet = Fleet::introduced();
    let folder = fleet.publisher.base().join("big");
    Package::new("big")
        .noise("level.dat", 256 << 20, 1)
        .write_folder(&folder);
    let mut create = fleet.publisher.amc_command();
    create.args(["application", "create", folder.to_str().unwrap()]);
    let _amc = Process::start(&mut create, &fleet.publisher.base().join("amc.log"));
    until("the creation is under way", SOON, || {
        fleet.publisher.application("big").is_some()
    });
    fleet.publisher.kill();
    fs_err::remove_dir_all(&folder).unwrap();
    fleet.publisher.run();
    until("nothing usable is shown", SOON, || {
        !fleet.publisher.offers("big", 0)
            && fleet
                .publisher
                .application("big")
                .is_none_or(|big| big["status"] == "error")
    });
    if fleet.publisher.application("big").is_some() {
        fleet
            .publisher
            .amc(&["application", "delete", "big", "-y"])
            .done();
    }
    until("nothing is left of it", SOON, || {
        fleet
            .publisher
            .files()
            .iter()
            .all(|(_, size)| *size < 4 << 20)
    });
}
