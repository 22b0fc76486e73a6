//! When rounds run, and what the agent survives.

use std::{sync::Arc, time::Duration};

use aar_sync::{Agent, Configuration, FeedState, Mode, Outcome, RoundRefused};
use aar_types::Clock;

use crate::support::{Shelf, Site, content, image, until, within};

#[tokio::test]
async fn requests_join_the_round_that_is_running() {
    let site = Site::start(Mode::Pull).await;
    let slow = content("slow", 1000);
    site.registry
        .state
        .stalled
        .send_replace(Some(image(&slow).digest));
    site.registry.publish_content("slow", 0, &[], slow);
    until("it is on its way", || !site.status().transfers.is_empty()).await;
    let asking: Vec<_> = (0..5)
        .map(|_| {
            let agent = site.agent.clone();
            tokio::spawn(async move { agent.sync_now(None).await.unwrap() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    site.registry.state.stalled.send_replace(None);
    let mut reports = Vec::new();
    for asked in asking {
        reports.push(asked.await.unwrap());
    }
    assert_eq!(reports[0].counts.imported, 1);
    assert!(reports.iter().all(|report| *report == reports[0]));
    let image = "GET /1.0/applications/slow/amd64/versions/0/image";
    assert_eq!(site.registry.asked(image), 1);
}

/// Whoever asks between a round's last look and its end is not served by it.
#[tokio::test]
async fn a_request_that_comes_as_a_round_ends_is_served_by_another() {
    let site = Arc::new(Site::start(Mode::Pull).await);
    for number in 0..20 {
        let late = Arc::clone(&site);
        let late = tokio::spawn(async move {
            let name = format!("a{number}");
            late.shelf.swept().await;
            late.registry.publish(&name, 0, &[]);
            late.sync_all().await;
            assert_eq!(late.shelf.versions(&name), "0");
        });
        tokio::task::yield_now().await;
        site.sync_all().await;
        late.await.unwrap();
    }
}

#[tokio::test]
async fn the_interval_starts_rounds_by_itself() {
    let site = Site::start(Mode::Manual).await;
    let mut config = site.config(Mode::Push);
    config.interval = Duration::from_millis(50);
    site.agent.reconfigure(Some(config));
    until("several rounds ran", || {
        site.registry.asked("GET /1.0/applications?") >= 4
    })
    .await;
    // While one runs, nobody knows when the next will.
    until("the next one has its time", || {
        site.status().next_round.is_some()
    })
    .await;
}

#[tokio::test]
async fn manual_mode_does_nothing_by_itself() {
    let site = Site::start(Mode::Manual).await;
    site.registry.publish("a", 0, &[]);
    site.agent.local_changed();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(site.registry.asked(""), 0);
    assert_eq!(site.agent.sync_now(None).await, Err(RoundRefused::Manual));
    let status = site.status();
    assert_eq!((status.mode, status.next_round), (Some(Mode::Manual), None));
}

#[tokio::test]
async fn without_a_registry_it_says_so() {
    let shelf = Arc::new(Shelf::new());
    let agent = Agent::spawn(shelf, Configuration::Off, Clock::system());
    assert_eq!(agent.sync_now(None).await, Err(RoundRefused::Off));
    let problem = "the certificate is not in the trust store".to_owned();
    agent.reconfigure(Configuration::Unusable(problem.clone()));
    let refused = agent.pull_one("a".parse().unwrap()).await;
    assert_eq!(refused, Err(RoundRefused::Unusable(problem.clone())));
    assert_eq!(agent.status().problem, Some(problem));
    agent.stop().await;
    assert_eq!(agent.sync_now(None).await, Err(RoundRefused::Stopped));
}

#[tokio::test]
async fn whatever_the_registry_answers_the_agent_goes_on_and_says_why() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    until("it is here", || site.shelf.versions("a") == "0").await;
    let empty = r#"{"type":"sync","status":"","status_code":200,"total_size":0,"metadata":[]}"#;
    let table = [
        (500, "", "500"),
        (200, "", "makes no sense"),
        (200, "<html>", "makes no sense"),
        (200, empty, "aar-registry-id is missing"),
        (401, "", "401"),
        (302, "", "makes no sense"),
        (
            403,
            r#"{"type":"error","error_code":403,"error":"no","code":"certificate_revoked"}"#,
            "revoked",
        ),
    ];
    for (status, body, reason) in table {
        site.registry.answer(Some((status, body)));
        let report = site.sync().await;
        assert_eq!(report.outcome, Outcome::Failed, "{status} {body}");
        assert!(site.error().contains(reason), "{}", site.error());
        assert_eq!(site.shelf.versions("a"), "0");
    }
    site.registry.answer(None);
    site.sync_all().await;
}

#[tokio::test]
async fn when_the_registry_is_back_it_does_not_wait_for_the_interval() {
    let site = Site::start(Mode::Pull).await;
    site.registry.answer(Some((503, "")));
    site.registry.publish("a", 0, &[]);
    until("it is noticed", || {
        site.status().change_feed == FeedState::Broken
    })
    .await;
    let cause = site.status().change_feed_error.unwrap();
    assert!(cause.contains("503"), "{cause}");
    let report = site.sync().await;
    assert_eq!(report.outcome, Outcome::Failed);
    site.registry.answer(None);
    until("it is here", || site.shelf.versions("a") == "0").await;
    until("the feed listens", || {
        site.status().change_feed == FeedState::Listening
    })
    .await;
    assert_eq!(site.status().change_feed_error, None);
}

#[tokio::test]
async fn whoever_is_no_longer_let_in_is_told_why_before_the_interval_is_over() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    until("it is here", || site.shelf.versions("a") == "0").await;
    let revoked = r#"{"type":"error","error_code":403,"error":"no","code":"certificate_revoked"}"#;
    site.registry.answer(Some((403, revoked)));
    // A change of trust cuts the request that waits; here a publication ends it.
    site.registry.publish("b", 0, &[]);
    until("the reason is shown", || site.error().contains("revoked")).await;
    assert_eq!(site.shelf.versions("a"), "0");
}

#[tokio::test]
async fn a_feed_that_answers_at_once_is_not_asked_in_a_busy_loop() {
    let site = Site::start(Mode::Pull).await;
    let same = r#"{"type":"sync","status":"","status_code":200,"metadata":{"registry_id":"home","revision":1,"changes":[]}}"#;
    site.registry.answer(Some((200, same)));
    site.registry.state.stalled.send_replace(None);
    site.registry.publish("a", 0, &[]);
    let before = site.registry.asked("GET /1.0/changes");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let asked = site.registry.asked("GET /1.0/changes") - before;
    assert!(asked < 10, "{asked} times in half a second");
}

#[tokio::test]
async fn another_configuration_ends_the_round_of_the_old_one() {
    let site = Site::start(Mode::Pull).await;
    let slow = content("slow", 1000);
    site.registry
        .state
        .stalled
        .send_replace(Some(image(&slow).digest));
    site.registry.publish_content("slow", 0, &[], slow);
    until("it is on its way", || !site.status().transfers.is_empty()).await;
    site.agent.reconfigure(None);
    until("it has ended", || !site.status().running).await;
    let status = site.status();
    assert_eq!((status.mode, status.transfers.len()), (None, 0));
    assert_eq!(status.last_round.unwrap().outcome, Outcome::Cancelled);
    assert_eq!(site.shelf.versions("slow"), "-");
}

#[tokio::test]
async fn watchers_see_rounds_begin_and_end() {
    let site = Site::start(Mode::Pull).await;
    let mut watch = site.agent.watch();
    let rounds = site.agent.clone();
    let round = tokio::spawn(async move { rounds.sync_now(None).await });
    let began = watch.wait_for(|status| status.running);
    within("it begins", Duration::from_secs(5), began)
        .await
        .unwrap();
    let ended = watch.wait_for(|status| !status.running);
    within("it ends", Duration::from_secs(5), ended)
        .await
        .unwrap();
    round.await.unwrap().unwrap();
}
