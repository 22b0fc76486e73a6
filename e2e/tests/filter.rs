//! A client with a filter pulls the applications that carry one of its tags.

use aar_testkit::{Fleet, Mode, Package, SOON, until};

#[test]
fn client_follows_changes_of_its_filter_and_of_tags() {
    let fleet = Fleet::start();
    let client = fleet.join("amd64", Mode::Manual);
    client.set(&[("registry.filter", "eu,beta"), ("registry.mode", "pull")]);
    let create = |name, tags| fleet.publisher.create(&Package::new(name).tagged(tags));
    create("paris", "eu, game");
    create("denver", "us");
    create("early", "beta");
    fleet.client.wait_for("denver", 0);
    client.wait_for("paris", 0);
    client.wait_for("early", 0);
    assert_eq!(client.names(), ["early", "paris"]);

    let set_tags = |name, tags| {
        let set = ["application", "set", name, "tags", tags];
        fleet.publisher.amc(&set).success();
    };
    set_tags("denver", "us,eu");
    client.wait_for("denver", 0);
    set_tags("paris", "game");
    client.wait_until_gone("paris");

    client.set(&[("registry.filter", "")]);
    client.wait_for("paris", 0);
    until(
        "a client without filter has every application",
        SOON,
        || client.names() == ["denver", "early", "paris"],
    );
}
