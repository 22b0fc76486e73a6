use aar_testkit::{Package, TestAms, TestRegistry};

use crate::session::Session;

#[test]
fn applications_are_exchanged_with_the_registry() {
    let (ams, registry) = (TestAms::start(), TestRegistry::start());
    let package = Package::new("game").tagged("fun");
    package.write_folder(&ams.base().join("game"));
    ams.amc(&["application", "create", "game"]).done();
    let mut session = Session::at(&ams);
    session
        .run("registry status")
        .misused("registry status --format csv")
        .refused("registry list")
        .refused("registry push game");
    ams.set(&[("registry.mode", "manual")]);
    ams.introduce(&registry, &registry.url(), "publisher");
    session
        .run("registry list")
        .run("registry push game")
        .listed("registry list")
        .refused("registry push nothing")
        .refused("registry pull game")
        .run("registry push")
        .refused("registry pull")
        .run("application delete game -y")
        .run("registry pull")
        .run("registry pull game")
        .run("application list --format csv")
        .refused("application set game tags new")
        .refused("application delete game -y")
        .shown("registry status")
        .run("registry delete game")
        .refused("registry delete game")
        .refused("registry pull game")
        .run("application delete game -f -y")
        .snapshot("registry");
}

#[test]
fn what_a_publisher_pushes_again_is_not_deleted_without_a_word() {
    let (ams, registry) = (TestAms::start(), TestRegistry::start());
    Package::new("game").write_folder(&ams.base().join("game"));
    ams.set(&[("registry.mode", "push")]);
    ams.introduce(&registry, &registry.url(), "publisher");
    ams.amc(&["application", "create", "game"]).done();
    ams.amc(&["registry", "push"]).done();
    let deleted = ams.amc(&["registry", "delete", "game"]);
    assert_eq!((deleted.code, &*deleted.stdout), (0, ""));
    for said in [
        "warning: game is published here",
        "hint: `amc application delete game`",
    ] {
        assert!(deleted.stderr.contains(said), "{}", deleted.stderr);
    }
    let status = ams.registry_status();
    assert_eq!(status["applications"][0]["state"], "pending", "{status}");
    ams.amc(&["registry", "push"]).done();
    ams.amc(&["application", "delete", "game", "-y"]).done();
    let deleted = ams.amc(&["registry", "delete", "game"]);
    assert_eq!((deleted.code, &*deleted.stderr), (0, ""));
}
