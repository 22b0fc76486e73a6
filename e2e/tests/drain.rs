//! Stopping: what is under way is finished, and no second word is needed unless one has no time.

use std::{
    net::TcpStream,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use aar_testkit::{Fleet, Package, Process, SOON, TestAms, TestPki, TestRegistry, until};

const IMAGE: &str = "/1.0/applications/big/amd64/versions/0/image";

/// A registry that has an image of this size.
fn pushed(size: u64) -> Fleet {
    let fleet = Fleet::served();
    fleet.publisher.set(&[("registry.mode", "push")]);
    let folder = fleet.publisher.base().join("big");
    Package::new("big")
        .noise("level.dat", size, 1)
        .write_folder(&folder);
    let create = ["application", "create", folder.to_str().unwrap()];
    fleet.publisher.amc(&create).done();
    until("it is pushed", SOON, || {
        fleet.registry.application("big").is_some()
    });
    fleet
}

#[test]
fn a_registry_that_stops_finishes_a_download_first() {
    let mut fleet = pushed(48 << 20);
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    let mut download = http.download(IMAGE);
    let mut got = download.read().unwrap().unwrap() as u64;
    fleet.registry.process().terminate();
    until("nobody else comes in", SOON, || {
        TcpStream::connect(fleet.registry.address()).is_err()
    });
    while let Some(n) = download.read().unwrap() {
        got += n as u64;
    }
    assert!(got > 48 << 20, "{got}");
    assert!(fleet.registry.process().ended().success());
}

/// Whoever says it twice does not want to wait.
#[test]
fn a_second_signal_ends_a_registry_at_once() {
    let mut fleet = pushed(64 << 20);
    let pki = TestPki::new();
    fleet.registry.trust(pki.client.certificate(), "client");
    let http = fleet.registry.http(Some(&pki.client));
    let mut download = http.download(IMAGE);
    download.read().unwrap();
    fleet.registry.process().terminate();
    until("nobody else comes in", SOON, || {
        TcpStream::connect(fleet.registry.address()).is_err()
    });
    fleet.registry.process().terminate();
    let begun = Instant::now();
    assert_eq!(fleet.registry.process().ended().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_service_manager_is_told_of_readiness_and_of_the_end() {
    let registry = TestRegistry::prepare("");
    let socket = registry.base().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let told = || {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let mut serve = registry.command();
    serve.arg("serve").env("NOTIFY_SOCKET", &socket);
    let mut process = Process::start(&mut serve, &registry.base().join("log"));
    assert!(told().contains("READY=1"));
    assert_eq!(registry.http(None).get("/1.0/status").status, 200);
    process.terminate();
    assert!(told().contains("STOPPING=1"));
    assert!(process.ended().success());
}

#[test]
fn programs_stop_when_asked_and_start_again_where_they_were() {
    let mut fleet = Fleet::start();
    let folder = Package::new("game").write_folder(&fleet.publisher.base().join("game"));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet.client.wait_for("game", 0);
    let id = fleet.client.application("game").unwrap()["id"].clone();
    fleet.client.stop();
    fleet.publisher.stop();
    fleet.registry.stop();
    fleet.registry.run();
    fleet.publisher.run();
    fleet.client.run();
    assert_eq!(fleet.client.application("game").unwrap()["id"], id);
    assert!(fleet.client.offers("game", 0));
}

#[test]
fn one_process_at_a_time_serves_a_base_folder() {
    let (registry, ams) = (TestRegistry::start(), TestAms::start());
    let refused = registry.aar(&["serve"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("in use by process"),
        "{}",
        refused.stderr
    );
    let second = ams.serve_again();
    assert_eq!(second.code, 1, "{second:?}");
    assert!(
        second.stderr.contains("in use by process"),
        "{}",
        second.stderr
    );
}

#[test]
fn a_bad_configuration_is_refused_at_start_with_file_line_and_key() {
    let registry = TestRegistry::prepare("gc:\n  graze: 1h\n");
    let config = fs_err::read_to_string(registry.base().join("conf/main.yaml")).unwrap();
    let line = 1 + config
        .lines()
        .position(|line| line.contains("graze"))
        .unwrap();
    let place = format!("main.yaml:{line}: gc.graze");
    for command in [&["serve"][..], &["check-config"]] {
        let refused = registry.aar(command);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains(&place), "{}", refused.stderr);
    }
}
