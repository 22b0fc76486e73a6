//! An imported application is changed only through the registry.

use aar_testkit::{Fleet, Package};

#[test]
fn imported_application_cannot_be_changed_and_is_deleted_only_with_force() {
    let fleet = Fleet::start();
    fleet.publisher.create(&Package::new("game"));
    fleet.client.wait_for("game", 0);
    let before = fleet.client.application("game").unwrap();
    let folder = fleet.publisher.base().join("game");
    let path = folder.to_str().unwrap();
    let changes: [&[&str]; 8] = [
        &["application", "set", "game", "tags", "mine"],
        &["application", "unset", "game", "tags"],
        &["application", "update", "game", path],
        &["application", "revoke", "game", "0"],
        &["application", "publish", "game", "0"],
        &["application", "delete", "game", "-y"],
        &["application", "delete", "game", "--version", "0", "-y"],
        &["application", "create", path],
    ];
    for change in changes {
        let error = fleet.client.amc(change).failure();
        assert!(error.contains("error:"), "{change:?}: {error}");
        assert_eq!(
            fleet.client.application("game").unwrap(),
            before,
            "{change:?}"
        );
    }
    let delete = ["application", "delete", "game", "-y"];
    let error = fleet.client.amc(&delete).failure();
    assert!(error.contains("immutable"), "{error}");
    assert!(error.contains("--force"), "{error}");

    // In pull mode it would be pulled again right away.
    fleet.client.set(&[("registry.mode", "manual")]);
    fleet
        .client
        .amc(&["application", "delete", "game", "--force", "-y"])
        .success();
    assert!(fleet.client.names().is_empty());
    fleet.client.set(&[("registry.mode", "pull")]);
    fleet.client.wait_for("game", 0);
}
