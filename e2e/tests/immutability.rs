//! What was imported changes only through the registry.

use aar_testkit::{Fleet, Package};

#[test]
fn an_imported_application_cannot_be_edited_and_is_deleted_only_by_force() {
    let fleet = Fleet::start();
    let folder = fleet.publisher.base().join("game");
    Package::new("game").write_folder(&folder);
    let path = folder.to_str().unwrap().to_owned();
    fleet
        .publisher
        .amc(&["application", "create", &path])
        .done();
    fleet.client.wait_for("game", 0);
    let before = fleet.client.application("game").unwrap();
    let edits: [&[&str]; 8] = [
        &["application", "set", "game", "tags", "mine"],
        &["application", "unset", "game", "tags"],
        &["application", "update", "game", &path],
        &["application", "revoke", "game", "0"],
        &["application", "publish", "game", "0"],
        &["application", "delete", "game", "-y"],
        &["application", "delete", "game", "--version", "0", "-y"],
        &["application", "create", &path],
    ];
    for edit in edits {
        let refused = fleet.client.amc(edit).refused();
        assert!(refused.contains("error:"), "{edit:?}: {refused}");
        assert_eq!(
            fleet.client.application("game").unwrap(),
            before,
            "{edit:?}"
        );
    }
    let refused = fleet
        .client
        .amc(&["application", "delete", "game", "-y"])
        .refused();
    assert!(refused.contains("immutable"), "{refused}");
    assert!(refused.contains("--force"), "{refused}");

    // In manual mode it is not fetched again right away.
    fleet.client.set(&[("registry.mode", "manual")]);
    fleet
        .client
        .amc(&["application", "delete", "game", "--force", "-y"])
        .done();
    assert!(fleet.client.names().is_empty());
    fleet.client.set(&[("registry.mode", "pull")]);
    fleet.client.wait_for("game", 0);
}
