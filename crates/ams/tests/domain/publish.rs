use aar_testkit::Package;
use aar_types::VersionNumber;
use ams_api::VersionStatus::Ready;

use super::support::{TestAms, versions};

async fn keeping(versions: &str) -> TestAms {
    let ams = TestAms::new().await;
    ams.config()
        .set("application.max_published_versions", versions)
        .await
        .unwrap();
    ams
}

async fn set_published(ams: &TestAms, number: u32, published: bool) {
    let applications = ams.applications();
    let started = applications
        .set_published("game", VersionNumber(number), published)
        .await;
    ams.expect_success(started.unwrap()).await;
}

#[tokio::test]
async fn version_without_auto_publish_is_published_by_hand_only() {
    let ams = TestAms::new().await;
    ams.config()
        .set("application.auto_publish", "false")
        .await
        .unwrap();
    let created = ams.create(&Package::new("game")).await;
    assert_eq!(
        (versions(&created), created.published),
        (vec![(0, Ready, false)], false)
    );
    set_published(&ams, 0, true).await;
    assert!(ams.get("game").await.published);
    set_published(&ams, 0, false).await;
    assert!(!ams.get("game").await.published);
}

#[tokio::test]
async fn oldest_published_versions_beyond_the_limit_are_removed() {
    let ams = keeping("2").await;
    ams.create(&Package::new("game")).await;
    for version in 1..4 {
        ams.update("game", &Package::new("game").noise("level", 1000, version))
            .await;
    }
    let left = vec![(2, Ready, true), (3, Ready, true)];
    assert_eq!(versions(&ams.get("game").await), left);
    assert_eq!(ams.files().len(), 2);
    let applications = ams.applications();
    let refusal = applications
        .set_published("game", VersionNumber(1), true)
        .await
        .unwrap_err();
    assert_eq!(refusal.to_string(), "application game has no version 1");
    let ams = ams.restart().await;
    assert_eq!(versions(&ams.get("game").await), left);
}

#[tokio::test]
async fn image_shared_with_a_remaining_version_stays() {
    let ams = keeping("1").await;
    let package = Package::new("game");
    ams.create(&package).await;
    let updated = ams.update("game", &package).await;
    assert_eq!(versions(&updated), [(1, Ready, true)]);
    assert_eq!(ams.files().len(), 1);
}

#[tokio::test]
async fn version_unpublished_by_hand_is_not_removed() {
    let ams = keeping("1").await;
    ams.create(&Package::new("game")).await;
    set_published(&ams, 0, false).await;
    let updated = ams
        .update("game", &Package::new("game").tagged("new"))
        .await;
    assert_eq!(versions(&updated), [(0, Ready, false), (1, Ready, true)]);
}

#[tokio::test]
async fn publishing_an_old_version_keeps_the_newer_ones() {
    let ams = keeping("1").await;
    ams.create(&Package::new("game")).await;
    set_published(&ams, 0, false).await;
    ams.update("game", &Package::new("game").tagged("new"))
        .await;
    set_published(&ams, 0, true).await;
    let back = ams.get("game").await;
    assert_eq!(versions(&back), [(0, Ready, true), (1, Ready, false)]);
}

#[tokio::test]
async fn missing_version_cannot_be_published() {
    let ams = TestAms::new().await;
    ams.create(&Package::new("game")).await;
    let applications = ams.applications();
    let refusal = applications
        .set_published("game", VersionNumber(5), true)
        .await
        .unwrap_err();
    assert_eq!(refusal.to_string(), "application game has no version 5");
}
