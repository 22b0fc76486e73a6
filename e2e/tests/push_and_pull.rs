//! A package becomes an application on a publisher and arrives unchanged on a client.

use aar_testkit::{Fleet, Package, SOON, sha256, until};
use serde_json::{Value, json};

/// The image of a version, as the registry describes it.
fn image(fleet: &Fleet, name: &str, number: usize) -> Value {
    let application = fleet.registry.application(name).unwrap();
    application["variants"][0]["versions"][number]["image"].clone()
}

#[test]
fn package_of_every_format_arrives_unchanged() {
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
        fleet.publisher.amc(&create).success();
        fleet.client.wait_for(name, 0);
        let pushed = sha256(&fleet.publisher.export(name, 0));
        assert_eq!(sha256(&fleet.client.export(name, 0)), pushed, "{name}");
        assert_eq!(image(&fleet, name, 0)["digest"], pushed, "{name}");
    }
}

#[test]
fn same_content_in_another_format_has_the_same_fingerprint() {
    let fleet = Fleet::start();
    let package = Package::new("twin").noise("level.dat", 1 << 20, 7);
    fleet.publisher.create(&package);
    fleet.client.wait_for("twin", 0);
    let first = image(&fleet, "twin", 0);
    let delete = ["application", "delete", "twin", "-y"];
    fleet.publisher.amc(&delete).success();
    let delete = ["registry", "delete", "twin"];
    fleet.publisher.amc(&delete).success();
    fleet.client.wait_until_gone("twin");
    let zip = package.write_zip(&fleet.publisher.base().join("two.zip"));
    let create = ["application", "create", zip.to_str().unwrap()];
    fleet.publisher.amc(&create).success();
    fleet.client.wait_for("twin", 0);
    let second = image(&fleet, "twin", 0);
    assert_eq!(second["fingerprint"], first["fingerprint"]);
}

#[test]
fn update_arrives_as_a_new_version() {
    let fleet = Fleet::start();
    let package = |seed| Package::new("game").noise("level.dat", 1 << 20, seed);
    fleet.publisher.create(&package(1));
    fleet.client.wait_for("game", 0);
    let first = sha256(&fleet.client.export("game", 0));
    for number in 1..3 {
        fleet.publisher.update(&package(number + 1));
        fleet.client.wait_for("game", number);
        let pushed = sha256(&fleet.publisher.export("game", number));
        assert_eq!(sha256(&fleet.client.export("game", number)), pushed);
    }
    assert_eq!(sha256(&fleet.client.export("game", 0)), first);
}

#[test]
fn metadata_change_arrives_without_a_new_version() {
    let fleet = Fleet::start();
    fleet.publisher.create(&Package::new("game").tagged("old"));
    fleet.client.wait_for("game", 0);
    let changes = [
        ("tags", "new,shiny"),
        ("instance-type", "a4.3"),
        ("resources.vpu-slots", "2"),
    ];
    for (attribute, value) in changes {
        let set = ["application", "set", "game", attribute, value];
        fleet.publisher.amc(&set).success();
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
fn changed_manifest_attribute_arrives_as_a_new_version() {
    let fleet = Fleet::start();
    fleet.publisher.create(&Package::new("game"));
    let set = ["application", "set", "game", "features", "foo,bar"];
    fleet.publisher.amc(&set).success();
    fleet.client.wait_for("game", 1);
    let version = fleet.client.version("game", 1).unwrap();
    assert_eq!(version["features"], json!(["foo", "bar"]));
    let pushed = sha256(&fleet.publisher.export("game", 1));
    assert_eq!(sha256(&fleet.client.export("game", 1)), pushed);
}

#[test]
fn unpublished_version_is_not_pushed() {
    let fleet = Fleet::start();
    let publisher = &fleet.publisher;
    publisher.set(&[("application.auto_publish", "false")]);
    publisher.create(&Package::new("draft"));
    let wait = ["wait", "draft", "-c", "status=ready"];
    publisher.amc(&wait).success();
    publisher.create(&Package::new("final"));
    let publish = ["application", "publish", "final", "0"];
    publisher.amc(&publish).success();
    fleet.client.wait_for("final", 0);
    assert_eq!(fleet.client.names(), ["final"]);
    assert!(fleet.registry.application("draft").is_none());
    let publish = ["application", "publish", "draft", "0"];
    publisher.amc(&publish).success();
    fleet.client.wait_for("draft", 0);
}

/// The next scheduled round would be an hour later.
#[test]
fn publication_arrives_before_the_next_scheduled_round() {
    let fleet = Fleet::start();
    let publisher = &fleet.publisher;
    publisher.set(&[("application.auto_publish", "false")]);
    for n in 0..2 {
        let name = format!("quick{n}");
        publisher.create(&Package::new(&name).noise("level.dat", 1 << 20, n));
        let wait = ["wait", &name, "-c", "status=ready"];
        publisher.amc(&wait).success();
        let publish = ["application", "publish", &name, "0"];
        publisher.amc(&publish).success();
        fleet.client.wait_for(&name, 0);
    }
}
