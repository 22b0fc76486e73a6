//! What a client does with what its registry has.

use std::time::Duration;

use aar_sync::{ApplicationState, Direction, Mode, Outcome};

use crate::support::{Registry, Shelf, Site, content, image, until, within};

#[tokio::test]
async fn a_publication_does_not_wait_for_the_next_round() {
    let site = Site::start(Mode::Pull).await;
    until("the feed listens", || {
        site.registry.asked("GET /1.0/changes") > 0
    })
    .await;
    // The next one by the interval is an hour away.
    for number in 0..5 {
        site.registry.publish("a", number, &[]);
        let wanted = (0..=number)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        until("it is usable", || site.shelf.versions("a") == wanted).await;
    }
    site.registry.set_published("a", 4, false);
    until("it is withdrawn", || {
        site.shelf.versions("a") == "0 1 2 3 4w"
    })
    .await;
    site.registry.set_tags("a", &["x"]);
    until("its metadata follow", || {
        site.shelf.all().values().any(|a| a.metadata.tags == ["x"])
    })
    .await;
}

#[tokio::test]
async fn a_round_without_changes_costs_one_request() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    until("it is usable", || site.shelf.versions("a") == "0").await;
    site.sync_all().await;
    let before = site.registry.asked("");
    let feed = site.registry.asked("GET /1.0/changes");
    site.sync_all().await;
    let more = site.registry.asked("") - before;
    let feed = site.registry.asked("GET /1.0/changes") - feed;
    assert_eq!(more - feed, 1);
}

#[tokio::test]
async fn a_change_costs_what_changed_and_not_a_listing() {
    const LISTING: &str = "GET /1.0/applications?";
    let registry = Registry::start().await;
    for number in 0..50 {
        registry.publish(&format!("app{number}"), 0, &[]);
    }
    let site = Site::over(registry, Shelf::new(), Mode::Pull).await;
    assert_eq!(site.shelf.all().len(), 50);
    until("the feed listens", || {
        site.registry.asked("GET /1.0/changes") > 0
    })
    .await;
    let listings = site.registry.asked(LISTING);

    site.registry.publish("app7", 1, &[]);
    until("it is here", || site.shelf.versions("app7") == "0 1").await;
    site.registry.set_published("app7", 1, false);
    until("it is withdrawn", || site.shelf.versions("app7") == "0 1w").await;
    site.registry.publish("new", 0, &[]);
    until("it is here", || site.shelf.versions("new") == "0").await;
    assert_eq!(site.registry.asked(LISTING), listings);
    assert!(site.registry.asked("GET /1.0/applications/app7 ") <= 2);

    // What is to be removed has to be missing in a complete listing.
    site.registry.remove_application("app8");
    until("it is gone", || site.shelf.versions("app8") == "-").await;
    assert_eq!(site.registry.asked(LISTING), listings + 1);
}

#[tokio::test]
async fn the_filter_is_applied_at_once_when_it_changes() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &["x"]);
    site.registry.publish("b", 0, &["y"]);
    until("both are here", || site.shelf.all().len() == 2).await;
    let mut config = site.config(Mode::Pull);
    config.tags = vec!["x".to_owned()];
    site.agent.reconfigure(Some(config));
    until("one is here", || site.shelf.versions("b") == "-").await;
    assert_eq!(site.shelf.versions("a"), "0");
}

#[tokio::test]
async fn what_was_created_here_is_left_alone_and_reported() {
    let site = Site::start(Mode::Pull).await;
    site.shelf.create("a", 0, b"ours");
    site.registry.publish("a", 0, &[]);
    site.registry.publish("b", 0, &[]);
    let report = site.sync_all().await;
    assert_eq!(report.conflicts.len(), 1);
    assert_eq!(site.shelf.versions("b"), "0");
    let ours = &site.shelf.all()[&crate::support::name("a")];
    assert_eq!(ours.versions[0].image, image(b"ours"));
    let states: Vec<_> = site.status().applications.iter().map(|a| a.state).collect();
    assert_eq!(
        states,
        [ApplicationState::Conflict, ApplicationState::Synced]
    );
}

#[tokio::test]
async fn one_failure_stops_no_other_application_and_heals() {
    let site = Site::start(Mode::Pull).await;
    let lost = content("lost", 1000);
    site.agent.reconfigure(None);
    site.registry.publish_content("a", 0, &[], lost.clone());
    site.registry.lose(&image(&lost).digest);
    site.registry.publish_bad("b", 0);
    site.registry.publish("c", 0, &[]);
    site.agent.reconfigure(Some(site.config(Mode::Pull)));
    let report = site.sync().await;
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert_eq!(site.shelf.versions("c"), "0");
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
    let kept = site.shelf.files();
    assert_eq!(kept.len(), 1, "a bad image is left: {kept:?}");

    site.registry.publish_content("a", 0, &[], lost);
    site.registry.publish("b", 0, &[]);
    until("all are here", || site.shelf.all().len() == 3).await;
}

#[tokio::test]
async fn a_bad_declaration_does_not_cost_another_version_its_image() {
    let site = Site::start(Mode::Pull).await;
    site.registry
        .publish_content("good", 0, &[], content("bad", 10_000));
    until("it is here", || site.shelf.versions("good") == "0").await;
    site.registry.publish_bad("liar", 0);
    let report = site.sync().await;
    assert_eq!(report.failures.len(), 1);
    assert_eq!(
        site.shelf.files(),
        [image(&content("bad", 10_000)).digest.to_string()]
    );
}

#[tokio::test]
async fn a_version_stays_until_its_successor_is_here() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    until("it is here", || site.shelf.versions("a") == "0").await;
    let lost = content("lost", 1000);
    site.agent.reconfigure(None);
    site.registry.publish_content("a", 1, &[], lost.clone());
    site.registry.lose(&image(&lost).digest);
    site.registry.remove_version("a", 0);
    site.agent.reconfigure(Some(site.config(Mode::Pull)));
    let report = site.sync().await;
    assert_eq!((report.failures.len(), report.counts.removed), (1, 0));
    assert_eq!(site.shelf.versions("a"), "0");
    site.registry.publish_content("a", 1, &[], lost);
    until("it is replaced", || site.shelf.versions("a") == "1").await;
}

#[tokio::test]
async fn a_full_disk_is_told_and_makes_way_for_removals() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    until("it is here", || site.shelf.versions("a") == "0").await;
    site.shelf.fill_up(100);
    site.agent.reconfigure(None);
    site.registry.publish("a", 1, &[]);
    site.registry.remove_version("a", 0);
    site.agent.reconfigure(Some(site.config(Mode::Pull)));
    until("it failed", || {
        let report = site.status().last_round.unwrap();
        report.failures.iter().any(|f| f.error.contains("no space"))
    })
    .await;
    assert_eq!(site.shelf.versions("a"), "");
    site.shelf.fill_up(0);
    site.sync_all().await;
    assert_eq!(site.shelf.versions("a"), "1");
}

#[tokio::test]
async fn small_changes_do_not_wait_for_a_large_transfer() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    until("it is here", || site.shelf.versions("a") == "0").await;
    let slow = content("slow", 100_000);
    site.registry
        .state
        .stalled
        .send_replace(Some(image(&slow).digest));
    site.registry.publish_content("slow", 0, &[], slow.clone());
    until("it is on its way", || !site.status().transfers.is_empty()).await;
    let shown = site.status().transfers.remove(0);
    assert_eq!((shown.direction, shown.total), (Direction::Pull, 100_000));

    site.registry.publish("b", 0, &[]);
    site.registry.set_published("a", 0, false);
    until("the others are done", || {
        (site.shelf.versions("a"), site.shelf.versions("b")) == ("0w".into(), "0".into())
    })
    .await;
    assert_eq!(site.shelf.versions("slow"), "-");
    site.registry.state.stalled.send_replace(None);
    until("it has arrived", || site.shelf.versions("slow") == "0").await;
}

#[tokio::test]
async fn a_transfer_that_is_no_longer_wanted_ends_and_leaves_nothing() {
    let site = Site::start(Mode::Pull).await;
    let slow = content("slow", 100_000);
    site.registry
        .state
        .stalled
        .send_replace(Some(image(&slow).digest));
    site.registry.publish_content("slow", 0, &[], slow);
    until("it is on its way", || !site.status().transfers.is_empty()).await;
    site.registry.remove_application("slow");
    until("it has ended", || !site.status().running).await;
    assert_eq!(site.status().transfers, []);
    assert_eq!(site.shelf.files(), Vec::<String>::new());
}

#[tokio::test]
async fn one_application_is_pulled_by_hand() {
    let site = Site::start(Mode::Manual).await;
    site.registry.publish("a", 0, &["x"]);
    site.registry.publish("b", 0, &[]);
    let report = site.agent.pull_one("a".parse().unwrap()).await.unwrap();
    assert_eq!((report.outcome, report.counts.imported), (Outcome::Done, 1));
    assert_eq!(
        (site.shelf.versions("a"), site.shelf.versions("b")),
        ("0".into(), "-".into())
    );
    let report = site.agent.pull_one("c".parse().unwrap()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert!(
        report.failures[0].error.contains("no application c"),
        "{report:?}"
    );
    // It is not removed either, when the registry does not have it.
    site.registry.remove_application("a");
    let report = site.agent.pull_one("a".parse().unwrap()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert_eq!(site.shelf.versions("a"), "0");
}

#[tokio::test]
async fn a_round_that_is_ended_goes_on_where_it_stopped() {
    let site = Site::start(Mode::Pull).await;
    let slow = content("slow", 100_000);
    site.registry
        .state
        .stalled
        .send_replace(Some(image(&slow).digest));
    site.registry.publish_content("slow", 0, &[], slow);
    until("it is on its way", || !site.status().transfers.is_empty()).await;
    let waiting = site.agent.clone();
    let waiting = tokio::spawn(async move { waiting.sync_now(None).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = site.agent.stop();
    within("it stops", Duration::from_secs(4), stopped).await;
    let report = waiting.await.unwrap().unwrap();
    assert_eq!(report.outcome, Outcome::Cancelled);
    site.registry.state.stalled.send_replace(None);
    let Site {
        registry, shelf, ..
    } = site;
    let site = Site::over(registry, shelf, Mode::Pull).await;
    assert_eq!(site.shelf.versions("slow"), "0");
}
