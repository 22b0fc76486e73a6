use aar_testkit::Package;
use ams_api::{ApplicationFilter, EventKind, StatusCode};

use super::support::TestAms;

#[tokio::test]
async fn subscriber_receives_all_lifecycle_events_of_an_application() {
    let ams = TestAms::new().await;
    let mut listener = ams.events().subscribe();
    ams.create(&Package::new("game")).await;
    let started = ams.applications().delete("game", false).await.unwrap();
    ams.expect_success(started).await;
    let mut actions = Vec::new();
    while actions
        .last()
        .is_none_or(|last| last != "application-deleted")
    {
        let event = listener.next().await.unwrap();
        if event.kind == EventKind::Lifecycle {
            actions.push(event.metadata["action"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(
        actions,
        [
            "application-created",
            "application-version-created",
            "application-version-ready",
            "application-deleted",
        ]
    );
}

#[tokio::test]
async fn cancelled_creation_leaves_nothing() {
    let ams = TestAms::new().await;
    let started = ams.start_create(&Package::new("game").noise("level", 32 << 20, 5));
    ams.operations().cancel(started.id).unwrap();
    let ended = ams.wait(started).await;
    assert_eq!(ended.status_code, StatusCode::Cancelled);
    let all = ams
        .applications()
        .list(&ApplicationFilter::default())
        .await
        .unwrap();
    assert!(all.is_empty());
    assert!(ams.files().is_empty());
}

#[tokio::test]
async fn applications_created_at_once_all_become_ready() {
    let ams = TestAms::new().await;
    let started: Vec<_> = (0..8u64)
        .map(|n| ams.start_create(&Package::new(&format!("game{n}")).noise("x", 10_000, n)))
        .collect();
    for operation in started {
        ams.expect_success(operation).await;
    }
    assert_eq!(ams.files().len(), 8);
}
