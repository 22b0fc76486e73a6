//! Removals that a client holds while there is doubt.

use std::time::Duration;

use aar_sync::{ApplicationState, HoldReason, RoundOutcome, RoundReport, SyncMode, SyncState};
use tokio::task::JoinHandle;

use crate::support::{Setup, content, name, requested, until};

const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

/// A client with ten applications whose registry lost some of them while the client did not run.
async fn client_after_loss(names: &[&str]) -> Setup {
    let setup = Setup::start(SyncMode::Pull).await;
    publish(&setup, &NAMES);
    until("all are imported", || {
        setup.catalogue.all().len() == NAMES.len()
    })
    .await;
    setup.agent.stop().await;
    remove(&setup, names);
    setup.restart().await
}

fn publish(setup: &Setup, names: &[&str]) {
    for name in names {
        setup.registry.publish(name, 0, &[]);
    }
}

fn remove(setup: &Setup, names: &[&str]) {
    setup.registry.remove_applications(names);
}

/// The applications whose removals are held.
fn held(setup: &Setup) -> Vec<String> {
    let held = setup.status().held.into_iter();
    let names = held.flat_map(|held| held.applications);
    names.map(|name| name.to_string()).collect()
}

fn local(setup: &Setup) -> Vec<String> {
    setup
        .catalogue
        .all()
        .keys()
        .map(ToString::to_string)
        .collect()
}

/// Publishes an application whose transfer stalls until it is released, so that the round continues.
async fn stall_round(setup: &Setup) {
    let slow = content("slow", 1000);
    setup.registry.stall(&slow);
    setup.registry.publish_content("slow", 0, &[], slow);
    setup.transfer_starts().await;
}

#[tokio::test]
async fn removals_of_an_emptied_registry_are_held_until_they_are_confirmed() {
    let setup = Setup::start(SyncMode::Pull).await;
    publish(&setup, &["a", "b", "c"]);
    until("all are imported", || setup.catalogue.all().len() == 3).await;
    remove(&setup, &["a", "b", "c"]);
    setup.sync_all().await;
    assert_eq!(setup.catalogue.all().len(), 3);
    let status = setup.status();
    let many = HoldReason::TooMany {
        removals: 3,
        imported: 3,
    };
    assert_eq!(status.held.unwrap().reason, many);
    let shown: Vec<_> = status.applications.iter().map(|it| it.state).collect();
    assert_eq!(shown, [SyncState::Held; 3]);
    setup.confirm().await;
    assert!(setup.catalogue.all().is_empty());
    assert_eq!(setup.status().held, None);
}

#[tokio::test]
async fn hold_ends_when_the_listing_recovers() {
    let setup = Setup::start(SyncMode::Manual).await;
    setup.agent.reconfigure(Some(setup.config(SyncMode::Pull)));
    publish(&setup, &["a", "b", "c"]);
    until("all are imported", || setup.catalogue.all().len() == 3).await;
    setup.agent.reconfigure(None);
    remove(&setup, &["a", "b", "c"]);
    setup.agent.reconfigure(Some(setup.config(SyncMode::Pull)));
    until("the removal is held", || setup.status().held.is_some()).await;
    assert_eq!(setup.catalogue.all().len(), 3);
    publish(&setup, &["a", "b", "c"]);
    until("nothing is held", || setup.status().held.is_none()).await;
    assert_eq!(setup.catalogue.all().len(), 3);
}

#[tokio::test]
async fn replaced_registry_is_followed_after_a_confirmation() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    until("a is imported", || setup.catalogue.versions("a") == "0").await;
    setup.registry.replace("other");
    setup.registry.publish("n", 0, &[]);
    let report = setup.sync_all().await;
    assert!(matches!(
        report.held.unwrap().reason,
        HoldReason::OtherRegistry { .. }
    ));
    assert_eq!(
        (setup.catalogue.versions("a"), setup.catalogue.versions("n")),
        ("0".into(), "0".into())
    );
    assert_eq!(setup.catalogue.known().unwrap().id.as_str(), "home");
    setup.sync_all().await;
    assert_eq!(setup.catalogue.versions("a"), "0");

    let report = setup.confirm().await;
    assert_eq!(report.held, None);
    assert_eq!(
        (setup.catalogue.versions("a"), setup.catalogue.versions("n")),
        ("-".into(), "0".into())
    );
    assert_eq!(setup.catalogue.known().unwrap().id.as_str(), "other");
    setup.registry.publish("n", 1, &[]);
    until("the other registry is followed", || {
        setup.catalogue.versions("n") == "0 1"
    })
    .await;
}

#[tokio::test]
async fn older_catalogue_removes_nothing() {
    let setup = Setup::start(SyncMode::Pull).await;
    publish(&setup, &["a", "b"]);
    until("all are imported", || setup.catalogue.all().len() == 2).await;
    setup.registry.restore_backup_without("b", 2);
    let report = setup.sync_all().await;
    assert!(matches!(
        report.held.unwrap().reason,
        HoldReason::OlderCatalogue { .. }
    ));
    assert_eq!(setup.catalogue.versions("b"), "0");
}

#[tokio::test]
async fn held_removals_stay_held_after_a_restart() {
    let setup = client_after_loss(&NAMES).await;
    assert_eq!(held(&setup), NAMES);
    setup.agent.stop().await;
    // The registry recovers piece by piece. Five removals of ten alone would not be held.
    publish(&setup, &NAMES[..5]);
    let setup = setup.restart().await;
    assert_eq!(local(&setup), NAMES);
    assert_eq!(held(&setup), NAMES[5..]);
    publish(&setup, &NAMES[5..]);
    until("nothing is held", || held(&setup).is_empty()).await;
    assert_eq!(local(&setup), NAMES);
    assert_eq!(setup.catalogue.known().unwrap().held, None);
}

#[tokio::test]
async fn held_removals_stay_held_under_a_new_configuration() {
    let setup = client_after_loss(&NAMES).await;
    setup.agent.reconfigure(None);
    publish(&setup, &NAMES[..5]);
    let mut config = setup.config(SyncMode::Pull);
    config.interval = Duration::from_hours(2);
    setup.agent.reconfigure(Some(config));
    setup.sync_all().await;
    assert_eq!(local(&setup), NAMES);
    assert_eq!(held(&setup), NAMES[5..]);
}

#[tokio::test]
async fn held_removals_are_shown_while_the_registry_is_unreachable() {
    let setup = client_after_loss(&NAMES).await;
    setup.registry.respond_with(Some((503, "")));
    let setup = setup.restart().await;
    assert_eq!(
        setup.status().last_round.unwrap().outcome,
        RoundOutcome::Failed
    );
    assert_eq!(held(&setup), NAMES);
}

#[tokio::test]
async fn held_removals_stay_held_while_a_round_runs() {
    let setup = client_after_loss(&[]).await;
    stall_round(&setup).await;
    remove(&setup, &NAMES);
    until("all removals are held", || held(&setup) == NAMES).await;
    publish(&setup, &NAMES[..5]);
    until("five removals are held", || held(&setup) == NAMES[5..]).await;
    setup.registry.release();
    let report = setup.sync_all().await;
    assert_eq!(report.held.unwrap().applications.len(), 5);
    assert_eq!(setup.catalogue.all().len(), NAMES.len() + 1);
}

#[tokio::test]
async fn applications_of_another_registry_end_no_hold() {
    let setup = client_after_loss(&NAMES).await;
    setup.registry.replace("other");
    publish(&setup, &NAMES[5..]);
    setup.sync_all().await;
    setup.agent.stop().await;
    setup.registry.replace("home");
    setup.registry.set_revision(100);
    publish(&setup, &NAMES[..5]);
    let setup = setup.restart().await;
    assert_eq!(local(&setup), NAMES);
    assert_eq!(held(&setup), NAMES[5..]);
}

#[tokio::test]
async fn hold_for_an_older_catalogue_stays_after_it_has_grown() {
    let setup = client_after_loss(&[]).await;
    let known = setup.catalogue.known().unwrap().revision.0;
    setup.agent.stop().await;
    remove(&setup, &["a", "b"]);
    setup.registry.set_revision(2);
    let setup = setup.restart().await;
    assert_eq!(held(&setup), ["a", "b"]);
    setup.agent.stop().await;
    setup.registry.set_revision(known);
    publish(&setup, &["new"]);
    let setup = setup.restart().await;
    assert_eq!(held(&setup), ["a", "b"]);
    assert_eq!(setup.catalogue.all().len(), NAMES.len() + 1);
}

/// Confirms the held removals during a round with a stalled transfer, which precedes the removals.
async fn confirmed_during_a_round(names: &[&str]) -> (Setup, JoinHandle<RoundReport>) {
    let setup = client_after_loss(names).await;
    assert_eq!(held(&setup), names);
    stall_round(&setup).await;
    let (agent, confirmed) = (setup.agent.clone(), setup.status().held);
    let request = tokio::spawn(async move { agent.sync_now(confirmed).await.unwrap() });
    until("the removals are confirmed", || {
        setup.status().held.is_none()
    })
    .await;
    assert_eq!(
        setup.catalogue.all().len(),
        NAMES.len(),
        "imports precede removals"
    );
    (setup, request)
}

#[tokio::test]
async fn confirmation_does_not_cover_removals_later_in_the_round() {
    let (setup, request) = confirmed_during_a_round(&NAMES[..6]).await;
    remove(&setup, &NAMES[6..]);
    until("the other removals are held", || held(&setup) == NAMES[6..]).await;
    setup.registry.release();
    let report = request.await.unwrap();
    assert_eq!(report.held, setup.status().held);
    assert_eq!(local(&setup), ["g", "h", "i", "j", "slow"]);
}

#[tokio::test]
async fn confirmation_does_not_cover_another_registry() {
    let (setup, request) = confirmed_during_a_round(&NAMES[..6]).await;
    setup.registry.replace("other");
    let report = request.await.unwrap();
    let reason = report.held.unwrap().reason;
    assert!(matches!(reason, HoldReason::OtherRegistry { .. }));
    assert_eq!(local(&setup), NAMES);
    assert_eq!(setup.catalogue.known().unwrap().id.as_str(), "home");
}

#[tokio::test]
async fn confirmation_ends_when_the_registry_has_the_applications_again() {
    let (setup, request) = confirmed_during_a_round(&NAMES[..6]).await;
    publish(&setup, &NAMES[..6]);
    until("all are synced", || {
        let applications = setup.status().applications;
        let synced = |it: &&ApplicationState| it.state == SyncState::Synced;
        applications.iter().filter(synced).count() == NAMES.len()
    })
    .await;
    remove(&setup, &NAMES[..6]);
    until("the removals are held", || held(&setup) == NAMES[..6]).await;
    setup.registry.release();
    assert_eq!(request.await.unwrap().counts.removed, 0);
    assert_eq!(setup.catalogue.all().len(), NAMES.len() + 1);
}

#[tokio::test]
async fn second_confirmation_adds_to_the_first() {
    let (setup, request) = confirmed_during_a_round(&NAMES[..6]).await;
    remove(&setup, &NAMES[6..]);
    until("the other removals are held", || held(&setup) == NAMES[6..]).await;
    let (agent, confirmed) = (setup.agent.clone(), setup.status().held);
    let again = tokio::spawn(async move { agent.sync_now(confirmed).await.unwrap() });
    until("all removals are confirmed", || {
        setup.status().held.is_none()
    })
    .await;
    setup.registry.release();
    assert_eq!(request.await.unwrap().held, None);
    assert_eq!(again.await.unwrap().held, None);
    assert_eq!(local(&setup), ["slow"]);
}

#[tokio::test]
async fn cancelled_confirmation_does_not_count_in_the_running_round() {
    let (setup, request) = confirmed_during_a_round(&NAMES[..6]).await;
    request.abort();
    until("the removals are held", || held(&setup) == NAMES[..6]).await;
    assert!(setup.status().running);
    setup.registry.release();
    assert_eq!(setup.sync_all().await.counts.removed, 0);
    assert_eq!(setup.catalogue.all().len(), NAMES.len() + 1);
    assert_eq!(held(&setup), NAMES[..6]);
}

#[tokio::test]
async fn cancelled_confirmation_does_not_count_in_a_queued_round() {
    let setup = client_after_loss(&NAMES[..6]).await;
    let slow = content("slow", 1000);
    setup.registry.stall(&slow);
    setup.registry.publish_content("slow", 0, &[], slow);
    let running = requested(setup.agent.pull_one(name("slow")));
    let confirmed = requested(setup.agent.sync_now(setup.status().held));
    let waiting = requested(setup.agent.sync_now(None));
    drop(confirmed);
    setup.registry.release();
    running.await.unwrap();
    let report = waiting.await.unwrap();
    assert_eq!(report.held.unwrap().applications.len(), 6);
    assert_eq!(report.counts.removed, 0);
    assert_eq!(setup.catalogue.all().len(), NAMES.len() + 1);
}

#[tokio::test]
async fn registry_with_a_cancelled_confirmation_is_not_followed() {
    let setup = Setup::start(SyncMode::Pull).await;
    setup.registry.publish("a", 0, &[]);
    until("a is imported", || setup.catalogue.versions("a") == "0").await;
    setup.agent.stop().await;
    setup.registry.replace("other");
    let setup = setup.restart().await;
    assert_eq!(held(&setup), ["a"]);
    let slow = content("slow", 1000);
    setup.registry.stall(&slow);
    setup.registry.publish_content("slow", 0, &[], slow);
    let confirmed = requested(setup.agent.sync_now(setup.status().held));
    until("the transfer is in flight", || {
        !setup.status().transfers.is_empty() && setup.status().held.is_none()
    })
    .await;
    drop(confirmed);
    until("the removal is held", || {
        held(&setup) == ["a"] || !setup.status().running
    })
    .await;
    setup.registry.release();
    setup.sync_all().await;
    assert_eq!(local(&setup), ["a", "slow"]);
    assert_eq!(held(&setup), ["a"]);
    assert_eq!(setup.catalogue.known().unwrap().id.as_str(), "home");
}
