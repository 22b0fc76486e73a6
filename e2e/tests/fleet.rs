//! The registry knows how its sites stand.

use aar_testkit::{Fleet, Mode, Package, SOON, TestAms, until};
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
