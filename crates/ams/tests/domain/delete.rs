use aar_testkit::Package;
use aar_types::VersionNumber;
use ams_api::{ApplicationFilter, ApplicationStatus};

use super::support::Here;

#[tokio::test]
async fn a_deleted_application_takes_its_images_along() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    here.update("game", &Package::new("game").tagged("new"))
        .await;
    assert_eq!(here.files().len(), 2);
    let begun = here.ams.applications().delete("game", false).await.unwrap();
    here.succeeded(begun).await;
    assert!(here.ams.applications().get("game").await.unwrap().is_none());
    assert!(here.files().is_empty());
}

#[tokio::test]
async fn an_image_that_two_versions_share_goes_with_the_last_of_them() {
    let here = Here::new().await;
    let package = Package::new("game");
    here.create(&package).await;
    here.update("game", &package).await;
    assert_eq!(here.files().len(), 1);
    for (number, left) in [(0, 1), (1, 0)] {
        let applications = here.ams.applications();
        let begun = applications
            .delete_version("game", VersionNumber(number), false)
            .await;
        here.succeeded(begun.unwrap()).await;
        assert_eq!(here.files().len(), left);
    }
    assert_eq!(here.get("game").await.status, ApplicationStatus::Unknown);
}

#[tokio::test]
async fn numbers_are_never_given_twice() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    here.update("game", &Package::new("game").tagged("b")).await;
    let applications = here.ams.applications();
    let begun = applications
        .delete_version("game", VersionNumber(1), false)
        .await
        .unwrap();
    here.succeeded(begun).await;
    let updated = here.update("game", &Package::new("game").tagged("c")).await;
    assert_eq!(updated.versions.last().unwrap().number, 2);
}

#[tokio::test]
async fn of_several_none_is_deleted_if_one_is_not_there() {
    let here = Here::new().await;
    here.create(&Package::new("a")).await;
    here.create(&Package::new("b")).await;
    let applications = here.ams.applications();
    let ids = ["a", "missing"].map(str::to_owned);
    let refusal = applications.delete_many(&ids, true).await.unwrap_err();
    assert!(refusal.to_string().contains("missing"));
    let ids = ["a", "b"].map(str::to_owned);
    let begun = applications.delete_many(&ids, false).await.unwrap();
    assert_eq!(begun.resources["applications"].len(), 2);
    here.succeeded(begun).await;
    assert!(
        applications
            .list(&ApplicationFilter::default())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn who_is_named_twice_is_deleted_once() {
    let here = Here::new().await;
    let made = here.create(&Package::new("game")).await;
    let mut events = here.ams.events().subscribe();
    let twice = ["game".to_owned(), made.id.clone(), "game".to_owned()];
    let begun = here.ams.applications().delete_many(&twice, false).await;
    let ended = here.succeeded(begun.unwrap()).await;
    let address = format!("/1.0/applications/{}", made.id);
    assert_eq!(ended.resources["applications"], [address]);
    let mut told = Vec::new();
    loop {
        let event = events.next().await.unwrap();
        match event.operation() {
            Some(operation) if operation.status_code.is_final() => break,
            Some(_) => {}
            None => told.push(event.metadata["action"].clone()),
        }
    }
    assert_eq!(told, ["application-deleted"]);
}
