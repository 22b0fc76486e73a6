//! The registry is unreachable, slow, replaced, or sends malformed responses: AMS keeps running, its
//! applications stay, and its status shows the reason.

use aar_testkit::{
    CannedResponse, Direction, FakeRegistry, Fleet, Package, SOON, TestRegistry, until,
};
use serde_json::Value;

fn package(name: &str) -> Package {
    Package::new(name).noise("level.dat", 1 << 20, 1)
}

/// A fleet whose client has the application `game`.
fn fleet_with_game() -> Fleet {
    let fleet = Fleet::start();
    fleet.publisher.create(&package("game"));
    fleet.client.wait_for("game", 0);
    fleet
}

fn has_failed(status: &Value) -> bool {
    let outcome = status["last_round"]["outcome"].as_str().unwrap_or_default();
    matches!(outcome, "failed" | "incomplete")
}

fn error(status: &Value) -> &str {
    status["last_round"]["error"].as_str().unwrap_or_default()
}

#[test]
fn unreachable_registry_is_retried_until_it_returns() {
    let mut fleet = fleet_with_game();
    fleet.registry.kill();
    let message = fleet.client.amc(&["registry", "pull"]).failure();
    assert!(message.contains("error:"), "{message}");
    let status = fleet
        .client
        .wait_for_status("the failure is reported", has_failed);
    assert!(!error(&status).is_empty(), "{status}");
    assert!(status["next_round"].is_string(), "{status}");
    assert_eq!(fleet.client.names(), ["game"]);

    fleet.publisher.create(&package("later"));
    fleet.registry.run();
    fleet.client.wait_for("later", 0);
    fleet
        .client
        .wait_for_status("a round succeeds", |s| s["last_round"]["outcome"] == "done");
}

#[test]
fn unresponsive_registry_does_not_block_other_commands() {
    let fleet = fleet_with_game();
    fleet.client_network.stall();
    fleet.publisher.create(&package("later"));
    for command in [
        &["info"][..],
        &["application", "list"],
        &["registry", "status"],
    ] {
        fleet.client.amc(command).success();
    }
    assert_eq!(fleet.client.names(), ["game"]);
    fleet.client_network.heal();
    fleet.client.wait_for("later", 0);
}

#[test]
fn new_registry_address_applies_at_once() {
    let fleet = fleet_with_game();
    fleet.client_network.fail();
    fleet.publisher.create(&package("later"));
    until("the application is in the registry", SOON, || {
        fleet.registry.application("later").is_some()
    });
    fleet.client.set(&[("registry.url", &fleet.registry.url())]);
    fleet.client.wait_for("later", 0);
}

#[test]
fn changed_registry_certificate_is_refused_with_both_fingerprints() {
    let fleet = fleet_with_game();
    let other = TestRegistry::start();
    other.trust(&fleet.client.client_certificate(), "client");
    fleet.client_network.redirect_to(other.address());
    let message = fleet.client.amc(&["registry", "list"]).failure();
    let expected = fleet.registry.fingerprint();
    assert!(message.contains(&other.fingerprint()), "{message}");
    assert!(message.contains(&expected), "{message}");
    let _failed = fleet.client.amc(&["registry", "pull"]);
    let status = fleet
        .client
        .wait_for_status("the mismatch is reported", has_failed);
    assert!(error(&status).contains(&expected), "{status}");
    assert_eq!(fleet.client.names(), ["game"]);
}

const EMPTY_LIST: &str =
    r#"{"type":"sync","status":"Success","status_code":200,"total_size":0,"metadata":[]}"#;

/// Responses that the registry with this id would never send.
fn malformed_responses(id: &str) -> [(&'static str, CannedResponse); 10] {
    let response = |status, headers: &str, body: &str, missing| CannedResponse {
        status,
        headers: headers.to_owned(),
        body: body.to_owned(),
        missing,
    };
    let ok = |headers: &str, body: &str| response("200 OK", headers, body, 0);
    let with_status = |status, body: &str| response(status, "", body, 0);
    let id = format!("aar-registry-id: {id}\r\naar-revision: 999999\r\n");
    let html = "content-type: text/html\r\n";
    let redirect = "location: https://127.0.0.1:1/\r\n";
    [
        ("no body", ok("", "")),
        ("a web page", ok(html, "<html>Login</html>")),
        (
            "an incomplete body",
            response("200 OK", &id, &EMPTY_LIST[..40], 100),
        ),
        ("an empty list without registry id", ok("", EMPTY_LIST)),
        ("a body of another type", ok(&id, r#"{"metadata":"no"}"#)),
        ("null", ok(&id, "null")),
        (
            "a server error",
            with_status("500 Internal Server Error", "oops"),
        ),
        ("a refusal", with_status("403 Forbidden", "{}")),
        ("not found", with_status("404 Not Found", "")),
        ("a redirect", response("302 Found", redirect, "", 0)),
    ]
}

#[test]
fn malformed_registry_response_leaves_ams_and_its_applications_intact() {
    let mut fleet = fleet_with_game();
    let status = fleet.client.registry_status();
    let id = status["registry_id"].as_str().unwrap();
    let responses = malformed_responses(id);
    let fake = FakeRegistry::in_place_of(&fleet.registry, responses[0].1.clone());
    fleet.client_network.redirect_to(fake.address());
    for (case, response) in responses {
        fake.respond_with(response);
        for command in [
            &["registry", "pull"][..],
            &["registry", "pull", "game"],
            &["registry", "list"],
        ] {
            let output = fleet.client.amc(command);
            assert!(
                output.code == 1 || case.contains("list"),
                "{case}: {output:?}"
            );
        }
        fleet.client.process().assert_running();
        assert_eq!(fleet.client.names(), ["game"], "{case}");
        assert!(fleet.client.has_published("game", 0), "{case}");
    }
    fleet.client_network.redirect_to(fleet.registry.address());
    fleet.publisher.create(&package("later"));
    fleet.client.amc(&["registry", "pull"]).success();
    fleet.client.wait_for("later", 0);
}

#[test]
fn bit_flip_during_a_pull_is_detected_and_retried() {
    let fleet = Fleet::start_manual_without_redirects();
    let package = Package::new("game").noise("level.dat", 16 << 20, 1);
    fleet.publisher.create(&package);
    fleet.publisher.set(&[("registry.mode", "push")]);
    until("the application is in the registry", SOON, || {
        fleet.registry.application("game").is_some()
    });
    fleet.client_network.throttle(16 << 20);
    fleet.client.set(&[("registry.mode", "pull")]);
    until("the pull is in progress", SOON, || {
        fleet.client_network.bytes(Direction::Down) > 4 << 20
    });
    fleet.client_network.flip_bit();
    fleet.client.wait_for("game", 0);
}

#[test]
fn push_pull_and_delete_work_in_manual_mode() {
    let fleet = Fleet::start_manual();
    fleet.publisher.create(&package("game"));
    fleet.publisher.amc(&["registry", "push", "game"]).success();
    let list = ["registry", "list", "--format", "json"];
    let listed = fleet.client.amc(&list).json();
    assert_eq!(listed[0]["name"], "game", "{listed}");
    assert!(fleet.client.names().is_empty());
    fleet.client.amc(&["registry", "pull", "game"]).success();
    fleet.client.wait_for("game", 0);
    fleet.client.amc(&["registry", "pull", "missing"]).failure();
    fleet.client.amc(&["registry", "delete", "game"]).failure();
    let delete = ["registry", "delete", "game"];
    fleet.publisher.amc(&delete).success();
    assert!(fleet.registry.application("game").is_none());
    assert!(
        fleet.client.has_published("game", 0),
        "a client in manual mode removed an application"
    );
}
