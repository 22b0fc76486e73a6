//! A registry that cannot be reached, is slow, lies, or is another one: the AMS runs on, its
//! applications stay, and the reason can be seen.

use aar_testkit::{Fleet, Lie, LyingRegistry, Package, SOON, TestRegistry, until};
use serde_json::Value;

fn create(fleet: &Fleet, name: &str) {
    let folder = Package::new(name).noise("level.dat", 1 << 20, 1);
    let folder = folder.write_folder(&fleet.publisher.base().join(name));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
}

/// A fleet whose client has one application.
fn one() -> Fleet {
    let fleet = Fleet::start();
    create(&fleet, "game");
    fleet.client.wait_for("game", 0);
    fleet
}

fn failed(status: &Value) -> bool {
    let outcome = status["last_round"]["outcome"].as_str().unwrap_or_default();
    matches!(outcome, "failed" | "incomplete")
}

fn error(status: &Value) -> &str {
    status["last_round"]["error"].as_str().unwrap_or_default()
}

#[test]
fn an_unreachable_registry_is_waited_for() {
    let mut fleet = one();
    fleet.registry.kill();
    let refused = fleet.client.amc(&["registry", "pull"]).refused();
    assert!(refused.contains("error:"), "{refused}");
    let status = fleet
        .client
        .wait_for_status("the failure is reported", failed);
    assert!(!error(&status).is_empty(), "{status}");
    assert!(status["next_round"].is_string(), "{status}");
    assert_eq!(fleet.client.names(), ["game"]);

    create(&fleet, "later");
    fleet.registry.run();
    fleet.client.wait_for("later", 0);
    fleet
        .client
        .wait_for_status("all is well", |s| s["last_round"]["outcome"] == "done");
}

#[test]
fn a_registry_that_does_not_answer_holds_up_nothing_else() {
    let fleet = one();
    fleet.client_network.stall();
    create(&fleet, "later");
    for command in [
        &["info"][..],
        &["application", "list"],
        &["registry", "status"],
    ] {
        fleet.client.amc(command).done();
    }
    assert_eq!(fleet.client.names(), ["game"]);
    fleet.client_network.heal();
    fleet.client.wait_for("later", 0);
}

#[test]
fn a_new_address_applies_at_once() {
    let fleet = one();
    fleet.client_network.fail();
    create(&fleet, "later");
    until("it is in the registry", SOON, || {
        fleet.registry.application("later").is_some()
    });
    fleet.client.set(&[("registry.url", &fleet.registry.url())]);
    fleet.client.wait_for("later", 0);
}

#[test]
fn another_certificate_is_refused_and_both_fingerprints_are_shown() {
    let fleet = one();
    let other = TestRegistry::start();
    other.trust(&fleet.client.client_certificate(), "client");
    fleet.client_network.lead_to(other.address());
    let refused = fleet.client.amc(&["registry", "list"]).refused();
    let expected = fleet.registry.fingerprint();
    assert!(refused.contains(&other.fingerprint()), "{refused}");
    assert!(refused.contains(&expected), "{refused}");
    let _asked = fleet.client.amc(&["registry", "pull"]);
    let status = fleet
        .client
        .wait_for_status("the mismatch is reported", failed);
    assert!(error(&status).contains(&expected), "{status}");
    assert_eq!(fleet.client.names(), ["game"]);
}

#[test]
fn whatever_a_registry_answers_leaves_the_ams_running_and_its_applications_alone() {
    let mut fleet = one();
    let list =
        r#"{"type":"sync","status":"Success","status_code":200,"total_size":0,"metadata":[]}"#;
    let known = fleet.client.registry_status();
    let id = known["registry_id"].as_str().unwrap();
    let lie = |status, headers: &str, body: &str, missing| Lie {
        status,
        headers: headers.to_owned(),
        body: body.to_owned(),
        missing,
    };
    let same = format!("aar-registry-id: {id}\r\naar-revision: 999999\r\n");
    let lies = [
        ("nothing", lie("200 OK", "", "", 0)),
        (
            "a page",
            lie(
                "200 OK",
                "content-type: text/html\r\n",
                "<html>Login</html>",
                0,
            ),
        ),
        ("half an answer", lie("200 OK", &same, &list[..40], 100)),
        ("an empty list of nobody", lie("200 OK", "", list, 0)),
        (
            "another type",
            lie("200 OK", &same, r#"{"metadata":"no"}"#, 0),
        ),
        ("null", lie("200 OK", &same, "null", 0)),
        ("an error", lie("500 Internal Server Error", "", "oops", 0)),
        ("a refusal", lie("403 Forbidden", "", "{}", 0)),
        ("not found", lie("404 Not Found", "", "", 0)),
        (
            "elsewhere",
            lie("302 Found", "location: https://127.0.0.1:1/\r\n", "", 0),
        ),
    ];
    let liar = LyingRegistry::of(&fleet.registry, lies[0].1.clone());
    fleet.client_network.lead_to(liar.address());
    for (what, lie) in lies {
        liar.tell(lie);
        for command in [
            &["registry", "pull"][..],
            &["registry", "pull", "game"],
            &["registry", "list"],
        ] {
            let asked = fleet.client.amc(command);
            assert!(
                asked.code == 1 || what.contains("list"),
                "{what}: {asked:?}"
            );
        }
        fleet.client.process().insist();
        assert_eq!(fleet.client.names(), ["game"], "{what}");
        assert!(fleet.client.offers("game", 0), "{what}");
    }
    fleet.client_network.lead_to(fleet.registry.address());
    create(&fleet, "later");
    fleet.client.amc(&["registry", "pull"]).done();
    fleet.client.wait_for("later", 0);
}

#[test]
fn bytes_that_change_on_the_way_do_no_harm() {
    let fleet = Fleet::served();
    let folder = Package::new("game").noise("level.dat", 16 << 20, 1);
    let folder = folder.write_folder(&fleet.publisher.base().join("game"));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet.publisher.set(&[("registry.mode", "push")]);
    until("it is in the registry", SOON, || {
        fleet.registry.application("game").is_some()
    });
    fleet.client_network.throttle(16 << 20);
    fleet.client.set(&[("registry.mode", "pull")]);
    until("the pull is under way", SOON, || {
        fleet.client_network.bytes(aar_testkit::Direction::Down) > 4 << 20
    });
    fleet.client_network.flip();
    fleet.client.wait_for("game", 0);
}

#[test]
fn the_manual_commands_work_without_any_mode_but_manual() {
    let fleet = Fleet::introduced();
    create(&fleet, "game");
    fleet.publisher.amc(&["registry", "push", "game"]).done();
    let listed = fleet
        .client
        .amc(&["registry", "list", "--format", "json"])
        .json();
    assert_eq!(listed[0]["name"], "game", "{listed}");
    assert!(fleet.client.names().is_empty());
    fleet.client.amc(&["registry", "pull", "game"]).done();
    fleet.client.wait_for("game", 0);
    fleet.client.amc(&["registry", "pull", "missing"]).refused();
    fleet.client.amc(&["registry", "delete", "game"]).refused();
    fleet.publisher.amc(&["registry", "delete", "game"]).done();
    assert!(fleet.registry.application("game").is_none());
    assert!(
        fleet.client.offers("game", 0),
        "nothing happens by itself in manual mode"
    );
}
