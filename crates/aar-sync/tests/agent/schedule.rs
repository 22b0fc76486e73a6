//! When rounds run, and which responses of the registry the agent survives.

use std::{sync::Arc, time::Duration};

use aar_sync::{Agent, FeedState, RegistryConfig, RoundOutcome, RoundRefused, SyncMode};
use aar_types::Clock;

use crate::support::{Setup, TestCatalogue, content, until, within};

#[tokio::test]
async fn requests_join_the_running_round() {
    let setup = Setup::start(SyncMode::Pull).await;
    let slow = content("slow", 1000);
    setup.registry.stall(&slow);
    setup.registry.publish_content("slow", 0, &[], slow);
    setup.transfer_starts().await;
    let requests: Vec<_> = (0..5)
        .map(|_| {
            let agent = setup.agent.clone();
            tokio::spawn(async move { agent.sync_now(None).await.unwrap() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    setup.registry.release();
    let mut reports = Vec::new();
    for request in requests {
        reports.push(request.await.unwrap());
    }
    assert_eq!(reports[0].counts.imported, 1);
    assert!(reports.iter().all(|report| *report == reports[0]));
    let image = "GET /1.0/applications/slow/amd64/versions/0/image";
    assert_eq!(setup.registry.request_count(image), 1);
}

/// A request between the last observation of a round and its end is not served by that round.
#[tokio::test]
async fn request_at_the_end_of_a_round_is_served_by_another_run() {
    let setup = Arc::new(Setup::start(SyncMode::Pull).await);
    for number in 0..20 {
        let late = Arc::clone(&setup);
        let late = tokio::spawn(async move {
            let name = format!("a{number}");
            late.catalogue.partial_files_deleted().await;
            late.registry.publish(&name, 0, &[]);
            late.sync_all().await;
            assert_eq!(late.catalogue.versions(&name), "0");
        });
        tokio::task::yield_now().await;
        setup.sync_all().await;
        late.await.unwrap();
    }
}

#[tokio::test]
async fn interval_starts_rounds() {
    let setup = Setup::start(SyncMode::Manual).await;
    let mut config = setup.config(SyncMode::Push);
    config.interval = Duration::from_millis(50);
    setup.agent.reconfigure(Some(config));
    until("several rounds ran", || {
        setup.registry.request_count("GET /1.0/applications?") >= 4
    })
    .await;
    // While a round runs, the next one is not scheduled.
    until("the next round is scheduled", || {
        setup.status().next_round.is_some()
    })
    .await;
}

#[tokio::test]
async fn manual_mode_starts_no_round() {
    let setup = Setup::start(SyncMode::Manual).await;
    setup.registry.publish("a", 0, &[]);
    setup.agent.local_changed();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(setup.registry.request_count(""), 0);
    assert_eq!(
        setup.agent.sync_now(None).await,
        Err(RoundRefused::ManualMode)
    );
    let status = setup.status();
    assert_eq!(
        (status.mode, status.next_round),
        (Some(SyncMode::Manual), None)
    );
}

#[tokio::test]
async fn agent_without_a_valid_configuration_refuses_rounds_and_says_why() {
    let catalogue = Arc::new(TestCatalogue::new());
    let agent = Agent::spawn(catalogue, RegistryConfig::NotConfigured, Clock::system());
    assert_eq!(agent.sync_now(None).await, Err(RoundRefused::NotConfigured));
    let problem = "the certificate is not in the trust store".to_owned();
    agent.reconfigure(RegistryConfig::Invalid(problem.clone()));
    let refused = agent.pull_one("a".parse().unwrap()).await;
    assert_eq!(refused, Err(RoundRefused::InvalidConfig(problem.clone())));
    assert_eq!(agent.status().problem, Some(problem));
    agent.stop().await;
    assert_eq!(agent.sync_now(None).await, Err(RoundRefused::Stopped));
}

#[tokio::test]
async fn unusable_response_fails_the_round_with_its_reason() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    until("a is imported", || setup.catalogue.versions("a") == "0").await;
    let empty = r#"{"type":"sync","status":"","status_code":200,"total_size":0,"metadata":[]}"#;
    let table = [
        (500, "", "500"),
        (200, "", "is invalid"),
        (200, "<html>", "is invalid"),
        (200, empty, "aar-registry-id is missing"),
        (401, "", "401"),
        (302, "", "is invalid"),
        (
            403,
            r#"{"type":"error","error_code":403,"error":"no","code":"certificate_revoked"}"#,
            "revoked",
        ),
    ];
    for (status, body, reason) in table {
        setup.registry.respond_with(Some((status, body)));
        let report = setup.sync().await;
        assert_eq!(report.outcome, RoundOutcome::Failed, "{status} {body}");
        assert!(setup.error().contains(reason), "{}", setup.error());
        assert_eq!(setup.catalogue.versions("a"), "0");
    }
    setup.registry.respond_with(None);
    setup.sync_all().await;
}

#[tokio::test]
async fn round_starts_as_soon_as_the_registry_recovers() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.respond_with(Some((503, "")));
    setup.registry.publish("a", 0, &[]);
    until("the change feed is broken", || {
        setup.status().change_feed == FeedState::Broken
    })
    .await;
    let cause = setup.status().change_feed_error.unwrap();
    assert!(cause.contains("503"), "{cause}");
    let report = setup.sync().await;
    assert_eq!(report.outcome, RoundOutcome::Failed);
    setup.registry.respond_with(None);
    until("a is imported", || setup.catalogue.versions("a") == "0").await;
    until("the change feed is watched", || {
        setup.status().change_feed == FeedState::Listening
    })
    .await;
    assert_eq!(setup.status().change_feed_error, None);
}

#[tokio::test]
async fn revoked_trust_is_reported_before_the_next_scheduled_round() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    until("a is imported", || setup.catalogue.versions("a") == "0").await;
    let revoked = r#"{"type":"error","error_code":403,"error":"no","code":"certificate_revoked"}"#;
    setup.registry.respond_with(Some((403, revoked)));
    // A real registry cuts the waiting request when trust changes; here a publication ends it.
    setup.registry.publish("b", 0, &[]);
    until("the reason is shown", || setup.error().contains("revoked")).await;
    assert_eq!(setup.catalogue.versions("a"), "0");
}

#[tokio::test]
async fn feed_that_responds_at_once_is_not_polled_in_a_busy_loop() {
    let setup = Setup::start(SyncMode::Pull).await;
    let unchanged = r#"{"type":"sync","status":"","status_code":200,"metadata":{"registry_id":"home","revision":1,"changes":[]}}"#;
    setup.registry.respond_with(Some((200, unchanged)));
    setup.registry.publish("a", 0, &[]);
    let before = setup.registry.request_count("GET /1.0/changes");
    let started = tokio::time::Instant::now();
    let requests = || setup.registry.request_count("GET /1.0/changes") - before;
    until("the feed is polled again", || requests() >= 2).await;
    tokio::time::sleep_until(started + Duration::from_millis(600)).await;
    let limit = 10 * (1 + started.elapsed().as_millis() / 600);
    assert!((requests() as u128) < limit, "{} requests", requests());
}

#[tokio::test]
async fn new_configuration_cancels_the_running_round() {
    let setup = Setup::start(SyncMode::Pull).await;
    let slow = content("slow", 1000);
    setup.registry.stall(&slow);
    setup.registry.publish_content("slow", 0, &[], slow);
    setup.transfer_starts().await;
    setup.agent.reconfigure(None);
    until("the round has ended", || !setup.status().running).await;
    let status = setup.status();
    assert_eq!((status.mode, status.transfers.len()), (None, 0));
    assert_eq!(status.last_round.unwrap().outcome, RoundOutcome::Cancelled);
    assert_eq!(setup.catalogue.versions("slow"), "-");
}

#[tokio::test]
async fn watchers_see_the_start_and_the_end_of_a_round() {
    let setup = Setup::start(SyncMode::Pull).await;
    let mut watch = setup.agent.watch();
    let rounds = setup.agent.clone();
    let round = tokio::spawn(async move { rounds.sync_now(None).await });
    let started = watch.wait_for(|status| status.running);
    within("the round starts", Duration::from_secs(5), started)
        .await
        .unwrap();
    let ended = watch.wait_for(|status| !status.running);
    within("the round ends", Duration::from_secs(5), ended)
        .await
        .unwrap();
    round.await.unwrap().unwrap();
}
