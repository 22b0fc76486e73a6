//! What the status says of applications between rounds, and when something is impossible.

use aar_sync::{ApplicationState, Mode, Outcome};

use crate::support::{Site, name, until};

fn state(site: &Site, application: &str) -> Option<ApplicationState> {
    let applications = site.status().applications;
    let found = applications.iter().find(|it| it.name == name(application));
    found.map(|it| it.state)
}

async fn becomes(site: &Site, application: &str, wanted: Option<ApplicationState>) {
    until(&format!("{application} is {wanted:?}"), || {
        state(site, application) == wanted
    })
    .await;
}

const SYNCED: Option<ApplicationState> = Some(ApplicationState::Synced);
const PENDING: Option<ApplicationState> = Some(ApplicationState::Pending);

#[tokio::test]
async fn what_cannot_be_pulled_is_told_and_stays_where_it_was() {
    let site = Site::start(Mode::Manual).await;
    site.registry.publish("a", 0, &[]);
    site.agent.pull_one(name("a")).await.unwrap();
    site.registry.remove_application("a");
    for (application, stands) in [("a", SYNCED), ("nosuch", None)] {
        let report = site.agent.pull_one(name(application)).await.unwrap();
        assert_eq!(report.outcome, Outcome::Incomplete);
        let round = site.status().last_round.unwrap();
        assert!(round.failures[0].error.contains("the registry has no"));
        assert_eq!(state(&site, application), stands);
    }
}

#[tokio::test]
async fn what_is_made_while_the_registry_is_away_is_pending() {
    let site = Site::start(Mode::Push).await;
    site.shelf.create("a", 0, b"zero");
    site.sync_all().await;
    let seen = site.status().registry.unwrap();
    site.registry.answer(Some((503, "")));
    site.shelf.create("b", 0, b"zero");
    site.shelf
        .edit("a", |a| a.metadata.tags = vec!["x".to_owned()]);
    assert_eq!(site.sync().await.outcome, Outcome::Failed);
    assert_eq!((state(&site, "a"), state(&site, "b")), (PENDING, PENDING));
    assert_eq!(
        site.status().registry.unwrap(),
        seen,
        "it was not seen since"
    );
    site.registry.answer(None);
    site.sync_all().await;
    assert_eq!((state(&site, "a"), state(&site, "b")), (SYNCED, SYNCED));
}

#[tokio::test]
async fn what_is_deleted_here_or_there_is_not_called_synced() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    becomes(&site, "a", SYNCED).await;
    site.shelf.delete("a");
    site.agent.local_changed();
    becomes(&site, "a", PENDING).await;
    site.sync_all().await;
    assert_eq!(state(&site, "a"), SYNCED);

    let site = Site::start(Mode::Push).await;
    site.shelf.create("a", 0, b"zero");
    site.sync_all().await;
    site.registry.remove_application("a");
    site.agent.deleted_there(name("a"));
    becomes(&site, "a", PENDING).await;
    site.shelf.delete("a");
    site.agent.local_changed();
    becomes(&site, "a", None).await;
}

#[tokio::test]
async fn in_manual_mode_what_is_deleted_on_one_side_takes_part_no_longer() {
    let site = Site::start(Mode::Manual).await;
    for application in ["a", "b"] {
        site.shelf.create(application, 0, b"zero");
        site.agent.push_one(name(application)).await.unwrap();
        assert_eq!(state(&site, application), SYNCED);
    }
    site.agent.deleted_there(name("a"));
    becomes(&site, "a", None).await;
    assert_eq!(state(&site, "b"), SYNCED);
    site.shelf.delete("b");
    site.agent.local_changed();
    becomes(&site, "b", None).await;
}

#[tokio::test]
async fn what_was_counted_counts_under_another_configuration_too() {
    let site = Site::start(Mode::Push).await;
    site.shelf.create("a", 0, b"zero");
    site.sync_all().await;
    let before = site.status().totals;
    site.agent.reconfigure(Some(site.config(Mode::Manual)));
    until("it is manual", || site.status().mode == Some(Mode::Manual)).await;
    assert_eq!(site.status().totals, before);
    assert_eq!(before.counts.pushed, 1);
}

#[tokio::test]
async fn files_that_cannot_be_swept_do_not_fail_a_round() {
    let site = Site::start(Mode::Pull).await;
    site.shelf.break_sweeping();
    site.registry.publish("a", 0, &[]);
    until("it is here", || site.shelf.versions("a") == "0").await;
    site.sync_all().await;
}

#[tokio::test]
async fn a_conflict_that_was_resolved_here_is_not_shown_any_longer() {
    let site = Site::start(Mode::Pull).await;
    site.shelf.create("a", 0, b"own");
    site.registry.publish("a", 0, &[]);
    until("it is a conflict", || !site.status().conflicts.is_empty()).await;
    site.sync_all().await;
    site.registry.answer(Some((503, "")));
    site.shelf.delete("a");
    site.agent.local_changed();
    until("it is resolved", || site.status().conflicts.is_empty()).await;
    assert_eq!(state(&site, "a"), PENDING);
}

#[tokio::test]
async fn what_has_failed_is_failed_whatever_the_rounds_after_it_were_about() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    site.registry.publish_bad("b", 0);
    becomes(&site, "a", SYNCED).await;
    assert_eq!(site.sync().await.outcome, Outcome::Incomplete);
    let failed = Some(ApplicationState::Failed);
    assert_eq!(state(&site, "b"), failed);
    site.agent.pull_one(name("a")).await.unwrap();
    site.shelf.delete("a");
    site.agent.local_changed();
    becomes(&site, "a", PENDING).await;
    assert_eq!(state(&site, "b"), failed);
}
