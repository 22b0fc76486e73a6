//! Clients that pull.

use std::time::Duration;

use aar_sync::{RoundOutcome, SyncDirection, SyncMode, SyncState};

use crate::support::{FakeRegistry, Setup, TestCatalogue, content, image, until, within};

#[tokio::test]
async fn publication_is_pulled_before_the_next_scheduled_round() {
    let setup = Setup::start(SyncMode::Pull).await;
    until("the change feed is watched", || {
        setup.registry.request_count("GET /1.0/changes") > 0
    })
    .await;
    // The next scheduled round is an hour away.
    for number in 0..5 {
        setup.registry.publish("a", number, &[]);
        let wanted = (0..=number)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        until("a is usable", || setup.catalogue.versions("a") == wanted).await;
    }
    setup.registry.set_published("a", 4, false);
    until("a is withdrawn", || {
        setup.catalogue.versions("a") == "0 1 2 3 4w"
    })
    .await;
    setup.registry.set_tags("a", &["x"]);
    until("the metadata is updated", || {
        setup
            .catalogue
            .all()
            .values()
            .any(|a| a.metadata.tags == ["x"])
    })
    .await;
}

#[tokio::test]
async fn pull_without_changes_costs_one_request() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    until("a is usable", || setup.catalogue.versions("a") == "0").await;
    setup.sync_all().await;
    let before = setup.registry.request_count("");
    let feed = setup.registry.request_count("GET /1.0/changes");
    setup.sync_all().await;
    let more = setup.registry.request_count("") - before;
    let feed = setup.registry.request_count("GET /1.0/changes") - feed;
    assert_eq!(more - feed, 1);
}

#[tokio::test]
async fn change_costs_requests_for_changed_applications_and_no_listing() {
    const LISTING: &str = "GET /1.0/applications?";
    let registry = FakeRegistry::start().await;
    for number in 0..50 {
        registry.publish(&format!("app{number}"), 0, &[]);
    }
    let setup = Setup::over(registry, TestCatalogue::new(), SyncMode::Pull).await;
    assert_eq!(setup.catalogue.all().len(), 50);
    until("the change feed is watched", || {
        setup.registry.request_count("GET /1.0/changes") > 0
    })
    .await;
    let listings = setup.registry.request_count(LISTING);

    setup.registry.publish("app7", 1, &[]);
    until("a is imported", || {
        setup.catalogue.versions("app7") == "0 1"
    })
    .await;
    setup.registry.set_published("app7", 1, false);
    until("a is withdrawn", || {
        setup.catalogue.versions("app7") == "0 1w"
    })
    .await;
    setup.registry.publish("new", 0, &[]);
    until("a is imported", || setup.catalogue.versions("new") == "0").await;
    assert_eq!(setup.registry.request_count(LISTING), listings);
    assert!(setup.registry.request_count("GET /1.0/applications/app7 ") <= 2);

    // A removal needs a complete listing.
    setup.registry.remove_application("app8");
    until("app8 is removed", || {
        setup.catalogue.versions("app8") == "-"
    })
    .await;
    assert_eq!(setup.registry.request_count(LISTING), listings + 1);
}

#[tokio::test]
async fn changed_filter_is_applied_at_once() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &["x"]);
    setup.registry.publish("b", 0, &["y"]);
    until("all are imported", || setup.catalogue.all().len() == 2).await;
    let mut config = setup.config(SyncMode::Pull);
    config.tags = vec!["x".to_owned()];
    setup.agent.reconfigure(Some(config));
    until("b is removed", || setup.catalogue.versions("b") == "-").await;
    assert_eq!(setup.catalogue.versions("a"), "0");
}

#[tokio::test]
async fn local_application_is_left_alone_and_reported_as_conflict() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.catalogue.create("a", 0, b"ours");
    setup.registry.publish("a", 0, &[]);
    setup.registry.publish("b", 0, &[]);
    let report = setup.sync_all().await;
    assert_eq!(report.conflicts.len(), 1);
    assert_eq!(setup.catalogue.versions("b"), "0");
    let local = &setup.catalogue.all()[&crate::support::name("a")];
    assert_eq!(local.versions[0].image, image(b"ours"));
    let states: Vec<_> = setup
        .status()
        .applications
        .iter()
        .map(|a| a.state)
        .collect();
    assert_eq!(states, [SyncState::Conflict, SyncState::Synced]);
}

#[tokio::test]
async fn failed_application_blocks_no_other_and_is_retried() {
    let setup = Setup::start(SyncMode::Pull).await;
    let lost = content("lost", 1000);
    setup.agent.reconfigure(None);
    setup.registry.publish_content("a", 0, &[], lost.clone());
    setup.registry.delete_blob(&image(&lost).digest);
    setup.registry.publish_bad("b", 0);
    setup.registry.publish("c", 0, &[]);
    setup.agent.reconfigure(Some(setup.config(SyncMode::Pull)));
    let report = setup.sync().await;
    assert_eq!(report.outcome, RoundOutcome::Incomplete);
    assert_eq!(setup.catalogue.versions("c"), "0");
    let failed: Vec<_> = report
        .failures
        .iter()
        .map(|f| f.application.as_str())
        .collect();
    assert_eq!(failed, ["a", "b"]);
    assert!(
        report.failures[1].error.contains("does not hold"),
        "{report:?}"
    );
    let kept = setup.catalogue.files();
    assert_eq!(kept.len(), 1, "a bad image is kept: {kept:?}");

    setup.registry.publish_content("a", 0, &[], lost);
    setup.registry.publish("b", 0, &[]);
    until("all are imported", || setup.catalogue.all().len() == 3).await;
}

#[tokio::test]
async fn bad_image_is_kept_if_another_version_has_it() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup
        .registry
        .publish_content("good", 0, &[], content("bad", 10_000));
    until("a is imported", || setup.catalogue.versions("good") == "0").await;
    setup.registry.publish_bad("other", 0);
    let report = setup.sync().await;
    assert_eq!(report.failures.len(), 1);
    assert_eq!(
        setup.catalogue.files(),
        [image(&content("bad", 10_000)).digest.to_string()]
    );
}

#[tokio::test]
async fn version_stays_until_its_successor_is_imported() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    until("a is imported", || setup.catalogue.versions("a") == "0").await;
    let lost = content("lost", 1000);
    setup.agent.reconfigure(None);
    setup.registry.publish_content("a", 1, &[], lost.clone());
    setup.registry.delete_blob(&image(&lost).digest);
    setup.registry.remove_version("a", 0);
    setup.agent.reconfigure(Some(setup.config(SyncMode::Pull)));
    let report = setup.sync().await;
    assert_eq!((report.failures.len(), report.counts.removed), (1, 0));
    assert_eq!(setup.catalogue.versions("a"), "0");
    setup.registry.publish_content("a", 1, &[], lost);
    until("a is replaced", || setup.catalogue.versions("a") == "1").await;
}

#[tokio::test]
async fn full_disk_is_reported_and_does_not_block_removals() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    until("a is imported", || setup.catalogue.versions("a") == "0").await;
    setup.catalogue.fill_disk(100);
    setup.agent.reconfigure(None);
    setup.registry.publish("a", 1, &[]);
    setup.registry.remove_version("a", 0);
    setup.agent.reconfigure(Some(setup.config(SyncMode::Pull)));
    until("the import failed", || {
        let report = setup.status().last_round.unwrap();
        report.failures.iter().any(|f| f.error.contains("no space"))
    })
    .await;
    assert_eq!(setup.catalogue.versions("a"), "");
    setup.catalogue.fill_disk(0);
    setup.sync_all().await;
    assert_eq!(setup.catalogue.versions("a"), "1");
}

#[tokio::test]
async fn small_changes_do_not_wait_for_a_stalled_transfer() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    until("a is imported", || setup.catalogue.versions("a") == "0").await;
    let slow = content("slow", 100_000);
    setup.registry.stall(&slow);
    setup.registry.publish_content("slow", 0, &[], slow.clone());
    setup.transfer_starts().await;
    let shown = setup.status().transfers.remove(0);
    assert_eq!(
        (shown.direction, shown.total),
        (SyncDirection::Pull, 100_000)
    );

    setup.registry.publish("b", 0, &[]);
    setup.registry.set_published("a", 0, false);
    until("the other changes are applied", || {
        (setup.catalogue.versions("a"), setup.catalogue.versions("b")) == ("0w".into(), "0".into())
    })
    .await;
    assert_eq!(setup.catalogue.versions("slow"), "-");
    setup.registry.release();
    until("slow is imported", || {
        setup.catalogue.versions("slow") == "0"
    })
    .await;
}

#[tokio::test]
async fn unwanted_transfer_is_cancelled_and_leaves_no_file() {
    let setup = Setup::start(SyncMode::Pull).await;
    let slow = content("slow", 100_000);
    setup.registry.stall(&slow);
    setup.registry.publish_content("slow", 0, &[], slow);
    setup.transfer_starts().await;
    setup.registry.remove_application("slow");
    until("the round has ended", || !setup.status().running).await;
    assert_eq!(setup.status().transfers, []);
    assert_eq!(setup.catalogue.files(), Vec::<String>::new());
}

#[tokio::test]
async fn one_application_is_pulled_on_request() {
    let setup = Setup::start(SyncMode::Manual).await;
    setup.registry.publish("a", 0, &["x"]);
    setup.registry.publish("b", 0, &[]);
    let report = setup.agent.pull_one("a".parse().unwrap()).await.unwrap();
    assert_eq!(
        (report.outcome, report.counts.imported),
        (RoundOutcome::Done, 1)
    );
    assert_eq!(
        (setup.catalogue.versions("a"), setup.catalogue.versions("b")),
        ("0".into(), "-".into())
    );
    let report = setup.agent.pull_one("c".parse().unwrap()).await.unwrap();
    assert_eq!(report.outcome, RoundOutcome::Incomplete);
    assert!(
        report.failures[0].error.contains("no application c"),
        "{report:?}"
    );
    // It is not removed when the registry has deleted it.
    setup.registry.remove_application("a");
    let report = setup.agent.pull_one("a".parse().unwrap()).await.unwrap();
    assert_eq!(report.outcome, RoundOutcome::Incomplete);
    assert_eq!(setup.catalogue.versions("a"), "0");
}

#[tokio::test]
async fn stopped_round_is_resumed_after_a_restart() {
    let setup = Setup::start(SyncMode::Pull).await;
    let slow = content("slow", 100_000);
    setup.registry.stall(&slow);
    setup.registry.publish_content("slow", 0, &[], slow);
    setup.transfer_starts().await;
    let waiting = setup.agent.clone();
    let waiting = tokio::spawn(async move { waiting.sync_now(None).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = setup.agent.stop();
    within("the agent stops", Duration::from_secs(4), stopped).await;
    let report = waiting.await.unwrap().unwrap();
    assert_eq!(report.outcome, RoundOutcome::Cancelled);
    setup.registry.release();
    let Setup {
        registry,
        catalogue,
        ..
    } = setup;
    let setup = Setup::over(registry, catalogue, SyncMode::Pull).await;
    assert_eq!(setup.catalogue.versions("slow"), "0");
}
