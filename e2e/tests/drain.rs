//! A program that is stopped finishes its running requests; a second signal ends it at once.

use std::{
    net::TcpStream,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use aar_testkit::{Fleet, Package, Process, SOON, TestAms, TestPki, TestRegistry, until};

const IMAGE: &str = "/1.0/applications/big/amd64/versions/0/image";

/// A fleet whose registry has an image of this size.
fn fleet_with_image(size: u64) -> Fleet {
    let fleet = Fleet::start_manual_without_redirects();
    fleet.publisher.set(&[("registry.mode", "push")]);
    let package = Package::new("big").noise("level.dat", size, 1);
    fleet.publisher.create(&package);
    until("the image is pushed", SOON, || {
        fleet.registry.application("big").is_some()
    });
    fleet
}

/// Sends SIGTERM, and waits until the registry accepts no more connections.
fn start_drain(fleet: &mut Fleet) {
    fleet.registry.process().terminate();
    until("new connections are refused", SOON, || {
        TcpStream::connect(fleet.registry.address()).is_err()
    });
}

#[test]
fn stopping_registry_finishes_running_downloads() {
    let mut fleet = fleet_with_image(48 << 20);
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    let mut download = http.download(IMAGE);
    let mut received = download.read().unwrap().unwrap() as u64;
    start_drain(&mut fleet);
    while let Some(n) = download.read().unwrap() {
        received += n as u64;
    }
    assert!(received > 48 << 20, "{received}");
    assert!(fleet.registry.process().wait().success());
}

#[test]
fn second_signal_ends_a_stopping_registry_at_once() {
    let mut fleet = fleet_with_image(64 << 20);
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    let mut download = http.download(IMAGE);
    download.read().unwrap();
    start_drain(&mut fleet);
    fleet.registry.process().terminate();
    let start = Instant::now();
    assert_eq!(fleet.registry.process().wait().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn service_manager_is_notified_of_start_and_stop() {
    let registry = TestRegistry::prepare("");
    let socket = registry.base().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let notification = || {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let mut serve = registry.command();
    serve.arg("serve").env("NOTIFY_SOCKET", &socket);
    let mut process = Process::start(&mut serve, &registry.base().join("log"));
    assert!(notification().contains("READY=1"));
    assert_eq!(registry.http(None).get("/1.0/status").status, 200);
    process.terminate();
    assert!(notification().contains("STOPPING=1"));
    assert!(process.wait().success());
}

#[test]
fn restarted_programs_keep_their_state() {
    let mut fleet = Fleet::start();
    fleet.publisher.create(&Package::new("game"));
    fleet.client.wait_for("game", 0);
    let id = fleet.client.application("game").unwrap()["id"].clone();
    fleet.client.stop();
    fleet.publisher.stop();
    fleet.registry.stop();
    fleet.registry.run();
    fleet.publisher.run();
    fleet.client.run();
    assert_eq!(fleet.client.application("game").unwrap()["id"], id);
    assert!(fleet.client.has_published("game", 0));
}

#[test]
fn second_process_on_a_base_folder_is_refused() {
    let (registry, ams) = (TestRegistry::start(), TestAms::start());
    for (second, expected) in [
        (registry.aar(&["serve"]), "another registry (process "),
        (ams.start_second(), "another AMS (process "),
    ] {
        let error = second.failure();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn invalid_configuration_is_refused_with_file_line_and_key() {
    let registry = TestRegistry::prepare("gc:\n  graze: 1h\n");
    let config = fs_err::read_to_string(registry.base().join("conf/main.yaml")).unwrap();
    let line = 1 + config
        .lines()
        .position(|line| line.contains("graze"))
        .unwrap();
    let location = format!("main.yaml:{line}: gc.graze");
    for command in [&["serve"][..], &["check-config"]] {
        let error = registry.aar(command).failure();
        assert!(error.contains(&location), "{error}");
    }
}
