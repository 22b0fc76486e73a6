use aar_testkit::Package;
use aar_types::VersionNumber;
use ams_api::{ApplicationFilter, ApplicationStatus};

use super::support::TestAms;

#[tokio::test]
async fn deleted_application_is_removed_with_its_images() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    ams.update("game", &Package::new("game").tagged("new"))
        .await;
    assert_eq!(ams.files().len(), 2);
    let started = ams.applications().delete("game", false).await.unwrap();
    ams.expect_success(started).await;
    assert!(ams.applications().get("game").await.unwrap().is_none());
    assert!(ams.files().is_empty());
}

#[tokio::test]
async fn shared_image_is_removed_with_its_last_version() {
    let ams = TestAms::new().await;
    let package = Package::new("game");
    ams.create(&package).await;
    ams.update("game", &package).await;
    assert_eq!(ams.files().len(), 1);
    for (number, left) in [(0, 1), (1, 0)] {
        let applications = ams.applications();
        let started = applications
            .delete_version("game", VersionNumber(number), false)
            .await;
        ams.expect_success(started.unwrap()).await;
        assert_eq!(ams.files().len(), left);
    }
    assert_eq!(ams.get("game").await.status, ApplicationStatus::Unknown);
}

#[tokio::test]
async fn version_number_is_never_reused() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    ams.update("game", &Package::new("game").tagged("b")).await;
    let applications = ams.applications();
    let started = applications
        .delete_version("game", VersionNumber(1), false)
        .await
        .unwrap();
    ams.expect_success(started).await;
    let updated = ams.update("game", &Package::new("game").tagged("c")).await;
    assert_eq!(updated.versions.last().unwrap().number, 2);
}

#[tokio::test]
async fn deletion_of_several_is_refused_if_one_is_missing() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("a")).await;
    ams.create(&Package::new("b")).await;
    let applications = ams.applications();
    let ids = ["a", "missing"].map(str::to_owned);
    let refusal = applications.delete_many(&ids, true).await.unwrap_err();
    assert!(refusal.to_string().contains("missing"));
    let ids = ["a", "b"].map(str::to_owned);
    let started = applications.delete_many(&ids, false).await.unwrap();
    assert_eq!(started.resources["applications"].len(), 2);
    ams.expect_success(started).await;
    assert!(
        applications
            .list(&ApplicationFilter::default())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn application_listed_twice_is_deleted_once() {
    let ams = TestAms::new().await;
    let created = ams.create(&Package::new("game")).await;
    let mut events = ams.events().subscribe();
    let twice = ["game".to_owned(), created.id.clone(), "game".to_owned()];
    let started = ams.applications().delete_many(&twice, false).await;
    let ended = ams.expect_success(started.unwrap()).await;
    let address = format!("/1.0/applications/{}", created.id);
    assert_eq!(ended.resources["applications"], [address]);
    let mut actions = Vec::new();
    loop {
        let event = events.next().await.unwrap();
        match event.operation() {
            Some(operation) if operation.status_code.is_final() => break,
            Some(_) => {}
            None => actions.push(event.metadata["action"].clone()),
        }
    }
    assert_eq!(actions, ["application-deleted"]);
}
