//! The states of applications between rounds, while the registry is offline, and after requests that
//! are impossible.

use aar_sync::{RoundOutcome, SyncMode, SyncState};

use crate::support::{Setup, name, until};

fn state(setup: &Setup, application: &str) -> Option<SyncState> {
    let applications = setup.status().applications;
    let found = applications.iter().find(|it| it.name == name(application));
    found.map(|it| it.state)
}

async fn becomes(setup: &Setup, application: &str, wanted: Option<SyncState>) {
    until(&format!("{application} is {wanted:?}"), || {
        state(setup, application) == wanted
    })
    .await;
}

const SYNCED: Option<SyncState> = Some(SyncState::Synced);
const PENDING: Option<SyncState> = Some(SyncState::Pending);

#[tokio::test]
async fn impossible_pull_is_reported_and_changes_no_state() {
    let setup = Setup::start(SyncMode::Manual).await;
    setup.registry.publish("a", 0, &[]);
    setup.agent.pull_one(name("a")).await.unwrap();
    setup.registry.remove_application("a");
    for (application, expected) in [("a", SYNCED), ("nosuch", None)] {
        let report = setup.agent.pull_one(name(application)).await.unwrap();
        assert_eq!(report.outcome, RoundOutcome::Incomplete);
        let round = setup.status().last_round.unwrap();
        assert!(round.failures[0].error.contains("the registry has no"));
        assert_eq!(state(&setup, application), expected);
    }
}

#[tokio::test]
async fn local_changes_are_pending_while_the_registry_is_offline() {
    let setup = Setup::start(SyncMode::Push).await;
    setup.catalogue.create("a", 0, b"zero");
    setup.sync_all().await;
    let observed = setup.status().registry.unwrap();
    setup.registry.respond_with(Some((503, "")));
    setup.catalogue.create("b", 0, b"zero");
    setup
        .catalogue
        .edit("a", |a| a.metadata.tags = vec!["x".to_owned()]);
    assert_eq!(setup.sync().await.outcome, RoundOutcome::Failed);
    assert_eq!((state(&setup, "a"), state(&setup, "b")), (PENDING, PENDING));
    assert_eq!(
        setup.status().registry.unwrap(),
        observed,
        "it was not observed since"
    );
    setup.registry.respond_with(None);
    setup.sync_all().await;
    assert_eq!((state(&setup, "a"), state(&setup, "b")), (SYNCED, SYNCED));
}

#[tokio::test]
async fn application_deleted_on_one_side_is_pending() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    becomes(&setup, "a", SYNCED).await;
    setup.catalogue.delete("a");
    setup.agent.local_changed();
    becomes(&setup, "a", PENDING).await;
    setup.sync_all().await;
    assert_eq!(state(&setup, "a"), SYNCED);

    let setup = Setup::start(SyncMode::Push).await;
    setup.catalogue.create("a", 0, b"zero");
    setup.sync_all().await;
    setup.registry.remove_application("a");
    setup.agent.deleted_in_registry(name("a"));
    becomes(&setup, "a", PENDING).await;
    setup.catalogue.delete("a");
    setup.agent.local_changed();
    becomes(&setup, "a", None).await;
}

#[tokio::test]
async fn application_deleted_on_one_side_is_not_listed_in_manual_mode() {
    let setup = Setup::start(SyncMode::Manual).await;
    for application in ["a", "b"] {
        setup.catalogue.create(application, 0, b"zero");
        setup.agent.push_one(name(application)).await.unwrap();
        assert_eq!(state(&setup, application), SYNCED);
    }
    setup.agent.deleted_in_registry(name("a"));
    becomes(&setup, "a", None).await;
    assert_eq!(state(&setup, "b"), SYNCED);
    setup.catalogue.delete("b");
    setup.agent.local_changed();
    becomes(&setup, "b", None).await;
}

#[tokio::test]
async fn totals_survive_a_new_configuration() {
    let setup = Setup::start(SyncMode::Push).await;
    setup.catalogue.create("a", 0, b"zero");
    setup.sync_all().await;
    let before = setup.status().totals;
    setup
        .agent
        .reconfigure(Some(setup.config(SyncMode::Manual)));
    until("the mode is manual", || {
        setup.status().mode == Some(SyncMode::Manual)
    })
    .await;
    assert_eq!(setup.status().totals, before);
    assert_eq!(before.counts.pushed, 1);
}

#[tokio::test]
async fn round_is_done_when_partial_files_cannot_be_deleted() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.catalogue.fail_deletions();
    setup.registry.publish("a", 0, &[]);
    until("a is imported", || setup.catalogue.versions("a") == "0").await;
    setup.sync_all().await;
}

#[tokio::test]
async fn conflict_that_was_resolved_locally_is_not_shown() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.catalogue.create("a", 0, b"own");
    setup.registry.publish("a", 0, &[]);
    until("the conflict is shown", || {
        !setup.status().conflicts.is_empty()
    })
    .await;
    setup.sync_all().await;
    setup.registry.respond_with(Some((503, "")));
    setup.catalogue.delete("a");
    setup.agent.local_changed();
    until("the conflict is gone", || {
        setup.status().conflicts.is_empty()
    })
    .await;
    assert_eq!(state(&setup, "a"), PENDING);
}

#[tokio::test]
async fn failed_application_stays_failed_after_rounds_of_others() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    setup.registry.publish_bad("b", 0);
    becomes(&setup, "a", SYNCED).await;
    assert_eq!(setup.sync().await.outcome, RoundOutcome::Incomplete);
    let failed = Some(SyncState::Failed);
    assert_eq!(state(&setup, "b"), failed);
    setup.agent.pull_one(name("a")).await.unwrap();
    setup.catalogue.delete("a");
    setup.agent.local_changed();
    becomes(&setup, "a", PENDING).await;
    assert_eq!(state(&setup, "b"), failed);
}
