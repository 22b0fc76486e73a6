//! A client with a filter takes what carries one of its tags.

use aar_testkit::{Fleet, Mode, Package, SOON, until};

fn create(fleet: &Fleet, name: &str, tags: &str) {
    let folder = fleet.publisher.base().join(name);
    Package::new(name).tagged(tags).write_folder(&folder);
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
}

#[test]
fn a_client_follows_its_filter_and_the_tags_as_both_change() {
    let fleet = Fleet::start();
    let client = fleet.join("amd64", Mode::Manual);
    client.set(&[("registry.filter", "eu,beta"), ("registry.mode", "pull")]);
    create(&fleet, "paris", "eu, game");
    create(&fleet, "denver", "us");
    create(&fleet, "early", "beta");
    fleet.client.wait_for("denver", 0);
    client.wait_for("paris", 0);
    client.wait_for("early", 0);
    assert_eq!(client.names(), ["early", "paris"]);

    fleet
        .publisher
        .amc(&["application", "set", "denver", "tags", "us,eu"])
        .done();
    client.wait_for("denver", 0);
    fleet
        .publisher
        .amc(&["application", "set", "paris", "tags", "game"])
        .done();
    client.wait_until_gone("paris");

    client.set(&[("registry.filter", "")]);
    client.wait_for("paris", 0);
    until("an unfiltered client has everything", SOON, || {
        client.names() == ["denver", "early", "paris"]
    });
}
