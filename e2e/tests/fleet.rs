//! The registry knows how its sites stand.

use std::process::Command;

use aar_testkit::{Fleet, Folder, Mode, Output, Package, SOON, TestAms, TestPki, program, until};
use serde_json::Value;

/// The row of an AMS in `aar fleet`.
fn site(fleet: &Fleet, ams: &TestAms) -> Option<Value> {
    let listed = fleet.registry.aar(&["fleet", "--format", "json"]).json();
    let fingerprint = ams.client_fingerprint();
    let mut sites = listed.as_array().unwrap().iter();
    let found = sites.find(|site| site["Fingerprint"] == fingerprint.as_str());
    found.cloned()
}

fn wait_until_in_step(fleet: &Fleet, ams: &TestAms) -> Value {
    until("the site is in step", SOON, || {
        site(fleet, ams).is_some_and(|site| site["State"] == "in-step")
    });
    site(fleet, ams).unwrap()
}

#[test]
fn sites_are_shown_as_they_stand_and_not_after_their_revocation() {
    let fleet = Fleet::start();
    let other = fleet.join("arm64", Mode::Pull);
    fleet.publisher.create(&Package::new("game"));
    fleet.client.wait_for("game", 0);
    let client = wait_until_in_step(&fleet, &fleet.client);
    assert_eq!(client["Architecture"], "amd64");
    assert_eq!(client["Behind"], 0);
    wait_until_in_step(&fleet, &fleet.publisher);
    // Nothing has changed for its architecture.
    let other_site = wait_until_in_step(&fleet, &other);
    assert_eq!(other_site["Architecture"], "arm64");

    let fingerprint = fleet.client.client_fingerprint();
    let show = ["fleet", "show", &fingerprint[..12], "--format", "json"];
    let shown = fleet.registry.aar(&show).json();
    assert_eq!(shown["report"]["mode"], "pull");
    let revoke = ["trust", "revoke", &fingerprint, "--yes"];
    fleet.registry.aar(&revoke).success();
    assert_eq!(site(&fleet, &fleet.client), None);
    fleet.registry.aar(&show).failure();
}

#[test]
fn pipeline_waits_from_its_own_machine_until_a_release_is_usable_everywhere() {
    let (fleet, pki) = (Fleet::start(), TestPki::new());
    let berlin = fleet.join("amd64", Mode::Pull);
    fleet.join("arm64", Mode::Pull);
    let pipeline = &pki.publisher;
    fleet.registry.trust(pipeline.certificate(), "publisher");
    // The reports show that both follow the registry.
    for ams in [&fleet.client, &berlin] {
        wait_until_in_step(&fleet, ams);
    }
    fleet.publisher.create(&Package::new("game"));
    let remote = [
        "--registry",
        &fleet.registry.url(),
        "--fingerprint",
        &fleet.registry.fingerprint(),
        "--certificate",
        pipeline.certificate().to_str().unwrap(),
        "--key",
        pipeline.key().to_str().unwrap(),
    ];
    // No base folder: only the certificate gives access.
    let elsewhere = Folder::new("pipeline");
    let aar = |args: &[&str]| {
        let mut command = Command::new(program("aar"));
        command.env("AAR_BASE_DIR", elsewhere.path().join("missing"));
        Output::run(command.args(args).args(remote), &[])
    };
    let waited = aar(&["wait", "game@0", "--usable", "--timeout", "2m"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    for ams in [&fleet.client, &berlin] {
        assert!(ams.has_published("game", 0));
    }
    let local = fleet.registry.aar(&["wait", "game", "--usable"]);
    assert_eq!(local.code, 0, "{local:?}");

    let shown = aar(&["application", "show", "game", "--fleet", "--format", "json"]).json();
    let mut states: Vec<_> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["State"].as_str().unwrap(),
                row["Version"].as_u64().unwrap(),
            )
        })
        .collect();
    states.sort_unstable();
    // The publisher and the pipeline follow nothing; the site with another architecture is left out.
    let expected = [
        ("not-following", 0),
        ("not-following", 0),
        ("usable", 0),
        ("usable", 0),
    ];
    assert_eq!(states, expected, "{shown}");
    let sites = aar(&["fleet", "--format", "json"]).json();
    assert_eq!(sites.as_array().unwrap().len(), 5);

    // As OpenSSL writes it.
    let digits = fleet.registry.fingerprint().to_uppercase();
    let pairs: Vec<_> = (0..32).map(|n| &digits[2 * n..2 * n + 2]).collect();
    for (fingerprint, code) in [(pairs.join(":"), 0), ("0".repeat(64), 1)] {
        let mut remote = remote;
        remote[3] = &fingerprint;
        let mut command = Command::new(program("aar"));
        let listed = Output::run(command.arg("fleet").args(remote), &[]);
        assert_eq!(listed.code, code, "{listed:?}");
        assert!(
            code == 0 || listed.stderr.contains("--fingerprint is 000"),
            "{listed:?}"
        );
    }

    let refused = aar(&["wait", "game", "--usable", "--sites", "nowhere"]).failure();
    assert!(refused.contains("nowhere"), "{refused}");
}
