use aar_testkit::Package;
use aar_types::VersionNumber;
use ams_api::VersionStatus::Ready;

use super::support::{Here, versions};

async fn keeping(versions: &str) -> Here {
    let here = Here::new().await;
    here.ams
        .config()
        .set("application.max_published_versions", versions)
        .await
        .unwrap();
    here
}

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
async fn the_oldest_published_versions_are_cleaned_up() {
    let here = keeping("2").await;
    here.create(&Package::new("game")).await;
    for version in 1..4 {
        here.update("game", &Package::new("game").noise("level", 1000, version))
            .await;
    }
    let left = vec![(2, Ready, true), (3, Ready, true)];
    assert_eq!(versions(&here.get("game").await), left);
    assert_eq!(here.files().len(), 2);
    let applications = here.ams.applications();
    let refusal = applications
        .set_published("game", VersionNumber(1), true)
        .await
        .unwrap_err();
    assert_eq!(refusal.to_string(), "application game has no version 1");
    let here = here.again().await;
    assert_eq!(versions(&here.get("game").await), left);
}

#[tokio::test]
async fn an_image_that_a_remaining_version_shares_stays() {
    let here = keeping("1").await;
    let package = Package::new("game");
    here.create(&package).await;
    let updated = here.update("game", &package).await;
    assert_eq!(versions(&updated), [(1, Ready, true)]);
    assert_eq!(here.files().len(), 1);
}

#[tokio::test]
async fn what_was_unpublished_by_hand_is_not_cleaned_up() {
    let here = keeping("1").await;
    here.create(&Package::new("game")).await;
    set_published(&here, 0, false).await;
    let updated = here
        .update("game", &Package::new("game").tagged("new"))
        .await;
    assert_eq!(versions(&updated), [(0, Ready, false), (1, Ready, true)]);
}

#[tokio::test]
async fn going_back_to_an_old_version_keeps_the_newer_ones() {
    let here = keeping("1").await;
    here.create(&Package::new("game")).await;
    set_published(&here, 0, false).await;
    here.update("game", &Package::new("game").tagged("new"))
        .await;
    set_published(&here, 0, true).await;
    let back = here.get("game").await;
    assert_eq!(versions(&back), [(0, Ready, true), (1, Ready, false)]);
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
