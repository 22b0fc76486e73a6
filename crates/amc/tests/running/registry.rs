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
