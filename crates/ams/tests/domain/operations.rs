use aar_testkit::Package;
use ams_api::{ApplicationFilter, EventKind, StatusCode};

use super::support::Here;

#[tokio::test]
async fn a_listener_hears_the_whole_life_of_an_application() {
    let here = Here::new().await;
    let mut listener = here.ams.events().subscribe();
    here.create(&Package::new("game")).await;
    let begun = here.ams.applications().delete("game", false).await.unwrap();
    here.succeeded(begun).await;
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
async fn a_creation_that_is_cancelled_leaves_nothing() {
    let here = Here::new().await;
    let begun = here.begin_create(&Package::new("game").noise("level", 200 << 20, 5));
    here.ams.operations().cancel(begun.id).unwrap();
    let ended = here.ended(begun).await;
    assert_eq!(ended.status_code, StatusCode::Cancelled);
    let all = here
        .ams
        .applications()
        .list(&ApplicationFilter::default())
        .await
        .unwrap();
    assert!(all.is_empty());
    assert!(here.files().is_empty());
}

#[tokio::test]
async fn many_applications_at_once_all_become_ready() {
    let here = Here::new().await;
    let begun: Vec<_> = (0..8u64)
        .map(|n| here.begin_create(&Package::new(&format!("game{n}")).noise("x", 10_000, n)))
        .collect();
    for operation in begun {
        here.succeeded(operation).await;
    }
    assert_eq!(here.files().len(), 8);
}
