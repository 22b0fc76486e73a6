//! A package becomes an application on a publisher and arrives on a client as it is.

use aar_testkit::{Fleet, Package, SOON, sha256, until};
use serde_json::{Value, json};

/// The image of a version, as the registry describes it.
fn image(fleet: &Fleet, name: &str, number: usize) -> Value {
    let application = fleet.registry.application(name).unwrap();
    application["variants"][0]["versions"][number]["image"].clone()
}

#[test]
fn every_kind_of_package_arrives_byte_for_byte() {
    let fleet = Fleet::start();
    let base = fleet.publisher.base();
    let package = |name: &str| {
        Package::new(name)
            .noise("level.dat", 3 << 20, 1)
            .file("hooks/a.sh", "true\n")
    };
    let sources = [
        ("folder", package("folder").write_folder(&base.join("a"))),
        ("zip", package("zip").write_zip(&base.join("b"))),
        ("tarball", package("tarball").write_tar_bz2(&base.join("c"))),
    ];
    for (name, source) in sources {
        let create = ["application", "create", source.to_str().unwrap()];
        fleet.publisher.amc(&create).done();
        fleet.client.wait_for(name, 0);
        let sent = sha256(&fleet.publisher.export(name, 0));
        assert_eq!(sha256(&fleet.client.export(name, 0)), sent, "{name}");
        assert_eq!(image(&fleet, name, 0)["digest"], sent, "{name}");
    }
}

#[test]
fn the_same_content_has_the_same_fingerprint_whoever_packs_it() {
    let fleet = Fleet::start();
    let package = Package::new("twin").noise("level.dat", 1 << 20, 7);
    let base = fleet.publisher.base();
    let folder = package.write_folder(&base.join("one"));
    let zip = package.write_zip(&base.join("two.zip"));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet.client.wait_for("twin", 0);
    let first = image(&fleet, "twin", 0);
    fleet
        .publisher
        .amc(&["application", "delete", "twin", "-y"])
        .done();
    fleet.publisher.amc(&["registry", "delete", "twin"]).done();
    fleet.client.wait_until_gone("twin");
    fleet
        .publisher
        .amc(&["application", "create", zip.to_str().unwrap()])
        .done();
    fleet.client.wait_for("twin", 0);
    assert_eq!(
        image(&fleet, "twin", 0)["fingerprint"],
        first["fingerprint"]
    );
}

#[test]
fn an_update_arrives_as_a_version_of_its_own() {
    let fleet = Fleet::start();
    let folder = fleet.publisher.base().join("game");
    let path = folder.to_str().unwrap();
    Package::new("game")
        .noise("level.dat", 1 << 20, 1)
        .write_folder(&folder);
    fleet.publisher.amc(&["application", "create", path]).done();
    fleet.client.wait_for("game", 0);
    let before = sha256(&fleet.client.export("game", 0));
    for number in 1..3 {
        Package::new("game")
            .noise("level.dat", 1 << 20, number + 1)
            .write_folder(&folder);
        fleet
            .publisher
            .amc(&["application", "update", "game", path])
            .done();
        fleet.client.wait_for("game", number);
        let sent = sha256(&fleet.publisher.export("game", number));
        assert_eq!(sha256(&fleet.client.export("game", number)), sent);
    }
    assert_eq!(sha256(&fleet.client.export("game", 0)), before);
}

#[test]
fn a_change_of_metadata_alone_arrives_without_a_new_version() {
    let fleet = Fleet::start();
    let folder = fleet.publisher.base().join("game");
    Package::new("game").tagged("old").write_folder(&folder);
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet.client.wait_for("game", 0);
    let changes = [
        ("tags", "new,shiny"),
        ("instance-type", "a4.3"),
        ("resources.vpu-slots", "2"),
    ];
    for (field, value) in changes {
        fleet
            .publisher
            .amc(&["application", "set", "game", field, value])
            .done();
    }
    until("the metadata arrives", SOON, || {
        let game = fleet.client.application("game").unwrap();
        game["tags"] == json!(["new", "shiny"])
            && game["config"]["instance-type"] == "a4.3"
            && game["config"]["resources"]["vpu-slots"] == 2
    });
    let game = fleet.client.application("game").unwrap();
    assert_eq!(game["versions"].as_object().unwrap().len(), 1);
}

#[test]
fn a_change_of_what_a_version_declares_arrives_as_a_new_version() {
    let fleet = Fleet::start();
    let folder = fleet.publisher.base().join("game");
    Package::new("game").write_folder(&folder);
    let create = ["application", "create", folder.to_str().unwrap()];
    fleet.publisher.amc(&create).done();
    let change = ["application", "set", "game", "features", "foo,bar"];
    fleet.publisher.amc(&change).done();
    fleet.client.wait_for("game", 1);
    let version = fleet.client.version("game", 1).unwrap();
    assert_eq!(version["features"], json!(["foo", "bar"]));
    let pushed = sha256(&fleet.publisher.export("game", 1));
    assert_eq!(sha256(&fleet.client.export("game", 1)), pushed);
}

#[test]
fn only_what_is_published_travels() {
    let fleet = Fleet::start();
    fleet
        .publisher
        .set(&[("application.auto_publish", "false")]);
    let folder = Package::new("draft").write_folder(&fleet.publisher.base().join("draft"));
    fleet
        .publisher
        .amc(&["application", "create", folder.to_str().unwrap()])
        .done();
    fleet
        .publisher
        .amc(&["wait", "draft", "-c", "status=ready"])
        .done();
    let other = Package::new("final").write_folder(&fleet.publisher.base().join("final"));
    fleet
        .publisher
        .amc(&["application", "create", other.to_str().unwrap()])
        .done();
    fleet
        .publisher
        .amc(&["application", "publish", "final", "0"])
        .done();
    fleet.client.wait_for("final", 0);
    assert_eq!(fleet.client.names(), ["final"]);
    assert!(fleet.registry.application("draft").is_none());
    fleet
        .publisher
        .amc(&["application", "publish", "draft", "0"])
        .done();
    fleet.client.wait_for("draft", 0);
}

/// The interval is an hour, and nobody waits so long here.
#[test]
fn a_publication_does_not_wait_for_the_next_round() {
    let fleet = Fleet::start();
    fleet
        .publisher
        .set(&[("application.auto_publish", "false")]);
    for n in 0..2 {
        let name = format!("quick{n}");
        let folder = Package::new(&name).noise("level.dat", 1 << 20, n);
        let folder = folder.write_folder(&fleet.publisher.base().join(&name));
        fleet
            .publisher
            .amc(&["application", "create", folder.to_str().unwrap()])
            .done();
        fleet
            .publisher
            .amc(&["wait", &name, "-c", "status=ready"])
            .done();
        fleet
            .publisher
            .amc(&["application", "publish", &name, "0"])
            .done();
        fleet.client.wait_for(&name, 0);
    }
}
