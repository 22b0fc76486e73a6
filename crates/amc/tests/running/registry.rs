use aar_testkit::{Package, TestAms, TestRegistry};

use crate::transcript::Transcript;

#[test]
fn applications_are_pushed_and_pulled() {
    let (ams, registry) = (TestAms::start(), TestRegistry::start());
    let package = Package::new("game").tagged("fun");
    package.write_folder(&ams.base().join("game"));
    ams.amc(&["application", "create", "game"]).success();
    let mut transcript = Transcript::at(&ams);
    transcript
        .succeed("registry status")
        .usage_error("registry status --format csv")
        .fail("registry list")
        .fail("registry push game");
    ams.set(&[("registry.mode", "manual")]);
    ams.connect_to(&registry, &registry.url(), "publisher");
    transcript
        .succeed("registry list")
        .succeed("registry push game")
        .in_list_formats("registry list")
        .fail("registry push nothing")
        .fail("registry pull game")
        .succeed("registry push")
        .fail("registry pull")
        .succeed("application delete game -y")
        .succeed("registry pull")
        .succeed("registry pull game")
        .succeed("application list --format csv")
        .fail("application set game tags new")
        .fail("application delete game -y")
        .in_document_formats("registry status")
        .succeed("registry delete game")
        .fail("registry delete game")
        .fail("registry pull game")
        .succeed("application delete game -f -y")
        .snapshot("registry");
}

#[test]
fn delete_of_an_application_that_is_pushed_again_warns() {
    let (ams, registry) = (TestAms::start(), TestRegistry::start());
    Package::new("game").write_folder(&ams.base().join("game"));
    ams.set(&[("registry.mode", "push")]);
    ams.connect_to(&registry, &registry.url(), "publisher");
    ams.amc(&["application", "create", "game"]).success();
    ams.amc(&["registry", "push"]).success();
    let deleted = ams.amc(&["registry", "delete", "game"]);
    assert_eq!((deleted.code, &*deleted.stdout), (0, ""));
    for expected in [
        "warning: game is published here",
        "`amc application delete game`",
    ] {
        assert!(deleted.stderr.contains(expected), "{}", deleted.stderr);
    }
    let status = ams.registry_status();
    assert_eq!(status["applications"][0]["state"], "pending", "{status}");
    ams.amc(&["registry", "push"]).success();
    ams.amc(&["application", "delete", "game", "-y"]).success();
    let deleted = ams.amc(&["registry", "delete", "game"]);
    assert_eq!((deleted.code, &*deleted.stderr), (0, ""));
}
