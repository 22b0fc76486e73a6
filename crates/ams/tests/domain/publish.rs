use aar_testkit::Package;
use aar_types::VersionNumber;
use ams_api::VersionStatus::Ready;

use super::support::{Here, versions};

async fn set_published(here: &Here, number: u32, published: bool) {
    let applications = here.ams.applications();
    let begun = applications
        .set_published("game", VersionNumber(number), published)
        .await;
    here.succeeded(begun.unwrap()).await;
}

#[tokio::test]
async fn without_auto_publish_versions_wait_to_be_published() {
    let here = Here::new().await;
    here.ams
        .config()
        .set("application.auto_publish", "false")
        .await
        .unwrap();
    let made = here.create(&Package::new("game")).await;
    assert_eq!(
        (versions(&made), made.published),
        (vec![(0, Ready, false)], false)
    );
    set_published(&here, 0, true).await;
    assert!(here.get("game").await.published);
    set_published(&here, 0, false).await;
    assert!(!here.get("game").await.published);
}

#[tokio::test]
async fn the_oldest_published_versions_give_way_to_new_ones() {
    let here = Here::new().await;
    here.ams
        .config()
        .set("application.max_published_versions", "2")
        .await
        .unwrap();
    here.create(&Package::new("game")).await;
    for version in 1..4 {
        here.update("game", &Package::new("game").noise("level", 1000, version))
            .await;
    }
    let application = here.get("game").await;
    let published: Vec<_> = application.versions.iter().map(|v| v.published).collect();
    assert_eq!(published, [false, false, true, true]);
}

#[tokio::test]
async fn publishing_an_old_version_again_keeps_that_one() {
    let here = Here::new().await;
    here.ams
        .config()
        .set("application.max_published_versions", "1")
        .await
        .unwrap();
    here.create(&Package::new("game")).await;
    here.update("game", &Package::new("game").tagged("new"))
        .await;
    set_published(&here, 0, true).await;
    let application = here.get("game").await;
    let published: Vec<_> = application.versions.iter().map(|v| v.published).collect();
    assert_eq!(published, [true, false]);
}

#[tokio::test]
async fn a_version_that_is_not_there_cannot_be_published() {
    let here = Here::new().await;
    here.create(&Package::new("game")).await;
    let applications = here.ams.applications();
    let refusal = applications
        .set_published("game", VersionNumber(5), true)
        .await
        .unwrap_err();
    assert_eq!(refusal.to_string(), "application game has no version 5");
}
