//! AMS and registry are connected manually, with the commands that operators know.

use aar_testkit::{Package, TestAms, TestRegistry};

/// The steps on the machine of an AMS.
fn configure(ams: &TestAms, registry: &TestRegistry, mode: &str) {
    fs_err::copy(registry.certificate(), ams.base().join("server.crt")).unwrap();
    ams.amc(&["config", "trust", "add", "server.crt"]).success();
    let trusted = ams
        .amc(&["config", "trust", "list", "--format", "json"])
        .json();
    let fingerprint = trusted[0]["fingerprint"].as_str().unwrap();
    assert_eq!(fingerprint, registry.fingerprint());
    let shown = ams.amc(&["config", "trust", "list"]).success();
    assert!(shown.contains(&fingerprint[..12]), "{shown}");
    ams.amc(&["config", "set", "registry.url", &registry.url()])
        .success();
    ams.amc(&["config", "set", "registry.fingerprint", fingerprint])
        .success();
    ams.amc(&["config", "set", "registry.update_interval", "5m"])
        .success();
    ams.amc(&["config", "set", "registry.mode", mode]).success();
}

#[test]
fn application_arrives_after_manual_setup() {
    let registry = TestRegistry::start();
    let (publisher, client) = (TestAms::start(), TestAms::start());
    configure(&publisher, &registry, "push");
    configure(&client, &registry, "pull");

    // `cat client.crt | aar trust add`
    let certificate = fs_err::read(client.client_certificate()).unwrap();
    registry.aar_with(&["trust", "add"], &certificate).success();
    // `aar trust add --publisher client.crt`
    let certificate = publisher.client_certificate();
    let add = ["trust", "add", "-p", certificate.to_str().unwrap()];
    registry.aar(&add).success();

    let listed = registry.aar(&["trust", "list", "--format", "json"]).json();
    let role = |fingerprint: &str| {
        let mut entries = listed.as_array().unwrap().iter();
        let entry = entries.find(|e| e["Fingerprint"] == fingerprint).unwrap();
        entry["Role"].as_str().unwrap().to_owned()
    };
    assert_eq!(role(&client.client_fingerprint()), "client");
    assert_eq!(role(&publisher.client_fingerprint()), "publisher");

    let package = Package::new("hello").file("hooks/install.sh", "#!/bin/sh\n");
    package.write_folder(&publisher.base().join("hello"));
    publisher.amc(&["application", "create", "hello"]).success();
    client.wait_for("hello", 0);
    assert_eq!(client.application("hello").unwrap()["immutable"], true);
}

#[test]
fn configuration_shows_the_values_that_were_set() {
    let (registry, ams) = (TestRegistry::start(), TestAms::start());
    configure(&ams, &registry, "pull");
    let shown = ams.amc(&["config", "show"]).success();
    assert!(shown.starts_with("config:"), "{shown}");
    for (name, value) in [
        ("registry.url", registry.url()),
        ("registry.fingerprint", registry.fingerprint()),
        ("registry.update_interval", "5m".to_owned()),
        ("registry.mode", "pull".to_owned()),
    ] {
        let line = shown.lines().find(|line| line.contains(name)).unwrap();
        assert!(line.contains(&value), "{line}");
    }
    let error = ams
        .amc(&["config", "set", "registry.mode", "sideways"])
        .failure();
    for allowed in ["pull", "push", "manual"] {
        assert!(error.contains(allowed), "{error}");
    }
}
