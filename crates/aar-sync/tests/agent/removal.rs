//! What a client does not remove: everything on doubt, until somebody decides.

use std::time::Duration;

use aar_sync::{ApplicationState, ApplicationStatus, HeldReason, Mode, Outcome, RoundReport};
use tokio::task::JoinHandle;

use crate::support::{Site, asked, content, image, name, until};

const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

/// A client with ten applications whose registry lost the first of them while nobody looked.
async fn lost(names: &[&str]) -> Site {
    let site = Site::start(Mode::Pull).await;
    publish(&site, &NAMES);
    until("all are here", || site.shelf.all().len() == NAMES.len()).await;
    site.agent.stop().await;
    remove(&site, names);
    site.restart().await
}

fn publish(site: &Site, names: &[&str]) {
    for name in names {
        site.registry.publish(name, 0, &[]);
    }
}

fn remove(site: &Site, names: &[&str]) {
    for name in names {
        site.registry.remove_application(name);
    }
}

/// The applications of which something is held back.
fn held(site: &Site) -> Vec<String> {
    let held = site.status().held.into_iter();
    let names = held.flat_map(|held| held.applications);
    names.map(|name| name.to_string()).collect()
}

/// The applications that are here.
fn here(site: &Site) -> Vec<String> {
    site.shelf.all().keys().map(ToString::to_string).collect()
}

/// Publishes an application whose image does not arrive until it is let go.
async fn hold_up_a_round(site: &Site) {
    let slow = content("slow", 1000);
    let stalled = Some(image(&slow).digest);
    site.registry.state.stalled.send_replace(stalled);
    site.registry.publish_content("slow", 0, &[], slow);
    until("it is on its way", || !site.status().transfers.is_empty()).await;
}

#[tokio::test]
async fn an_emptied_registry_removes_nothing_until_it_is_confirmed() {
    let site = Site::start(Mode::Pull).await;
    for name in ["a", "b", "c"] {
        site.registry.publish(name, 0, &[]);
    }
    until("all are here", || site.shelf.all().len() == 3).await;
    for name in ["a", "b", "c"] {
        site.registry.remove_application(name);
    }
    // Whatever the feed has started meanwhile: three in one look are too many, two are not.
    site.sync().await;
    if site.shelf.all().len() == 3 {
        let status = site.status();
        let held = status.held.unwrap();
        let many = HeldReason::TooMany {
            removals: 3,
            imported: 3,
        };
        assert_eq!(held.reason, many);
        assert!(
            status
                .applications
                .iter()
                .all(|a| a.state == ApplicationState::Held)
        );
        site.confirm().await;
    }
    assert!(site.shelf.all().is_empty());
    assert_eq!(site.status().held, None);
}

#[tokio::test]
async fn a_listing_that_recovers_ends_what_was_held() {
    let site = Site::start(Mode::Manual).await;
    site.agent.reconfigure(Some(site.config(Mode::Pull)));
    for name in ["a", "b", "c"] {
        site.registry.publish(name, 0, &[]);
    }
    until("all are here", || site.shelf.all().len() == 3).await;
    site.agent.reconfigure(None);
    for name in ["a", "b", "c"] {
        site.registry.remove_application(name);
    }
    site.agent.reconfigure(Some(site.config(Mode::Pull)));
    until("it is held", || site.status().held.is_some()).await;
    assert_eq!(site.shelf.all().len(), 3);
    for name in ["a", "b", "c"] {
        site.registry.publish(name, 0, &[]);
    }
    until("it is over", || site.status().held.is_none()).await;
    assert_eq!(site.shelf.all().len(), 3);
}

#[tokio::test]
async fn a_replaced_registry_is_followed_once_it_is_confirmed() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    until("it is here", || site.shelf.versions("a") == "0").await;
    site.registry.replace("other");
    site.registry.publish("n", 0, &[]);
    let report = site.sync_all().await;
    assert!(matches!(
        report.held.unwrap().reason,
        HeldReason::OtherRegistry { .. }
    ));
    assert_eq!(
        (site.shelf.versions("a"), site.shelf.versions("n")),
        ("0".into(), "0".into())
    );
    assert_eq!(site.shelf.known().unwrap().id.as_str(), "home");
    site.sync_all().await;
    assert_eq!(site.shelf.versions("a"), "0");

    let report = site.confirm().await;
    assert_eq!(report.held, None);
    assert_eq!(
        (site.shelf.versions("a"), site.shelf.versions("n")),
        ("-".into(), "0".into())
    );
    assert_eq!(site.shelf.known().unwrap().id.as_str(), "other");
    site.registry.publish("n", 1, &[]);
    until("it is followed", || site.shelf.versions("n") == "0 1").await;
}

#[tokio::test]
async fn a_registry_that_went_back_in_time_removes_nothing() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    site.registry.publish("b", 0, &[]);
    until("they are here", || site.shelf.all().len() == 2).await;
    site.registry.remove_application("b");
    site.registry.turn_back_to(2);
    // The feed may have brought the removal before the registry went back.
    if site.shelf.versions("b") == "0" {
        let report = site.sync_all().await;
        assert!(matches!(
            report.held.unwrap().reason,
            HeldReason::OlderCatalogue { .. }
        ));
        assert_eq!(site.shelf.versions("b"), "0");
    }
}

#[tokio::test]
async fn what_is_held_stays_held_after_a_restart() {
    let site = lost(&NAMES).await;
    assert_eq!(held(&site), NAMES);
    site.agent.stop().await;
    // The registry recovers piece by piece. Five of ten would be no reason to hold anything.
    publish(&site, &NAMES[..5]);
    let site = site.restart().await;
    assert_eq!(here(&site), NAMES);
    assert_eq!(held(&site), NAMES[5..]);
    publish(&site, &NAMES[5..]);
    until("it is over", || held(&site).is_empty()).await;
    assert_eq!(here(&site), NAMES);
    assert_eq!(site.shelf.known().unwrap().held, None);
}

#[tokio::test]
async fn what_is_held_stays_held_under_another_configuration() {
    let site = lost(&NAMES).await;
    site.agent.reconfigure(None);
    publish(&site, &NAMES[..5]);
    let mut config = site.config(Mode::Pull);
    config.interval = Duration::from_hours(2);
    site.agent.reconfigure(Some(config));
    site.sync_all().await;
    assert_eq!(here(&site), NAMES);
    assert_eq!(held(&site), NAMES[5..]);
}

#[tokio::test]
async fn what_is_held_is_shown_before_the_registry_answers_again() {
    let site = lost(&NAMES).await;
    site.registry.answer(Some((503, "")));
    let site = site.restart().await;
    assert_eq!(site.status().last_round.unwrap().outcome, Outcome::Failed);
    assert_eq!(held(&site), NAMES);
}

#[tokio::test]
async fn what_is_held_stays_held_while_a_round_goes_on() {
    let site = lost(&[]).await;
    hold_up_a_round(&site).await;
    remove(&site, &NAMES);
    until("all are held", || held(&site) == NAMES).await;
    publish(&site, &NAMES[..5]);
    until("five are held", || held(&site) == NAMES[5..]).await;
    site.registry.state.stalled.send_replace(None);
    let report = site.sync_all().await;
    assert_eq!(report.held.unwrap().applications.len(), 5);
    assert_eq!(site.shelf.all().len(), NAMES.len() + 1);
}

#[tokio::test]
async fn what_another_registry_shows_ends_nothing_that_is_held() {
    let site = lost(&NAMES).await;
    site.registry.replace("other");
    publish(&site, &NAMES[5..]);
    site.sync_all().await;
    site.agent.stop().await;
    site.registry.replace("home");
    site.registry.turn_back_to(100);
    publish(&site, &NAMES[..5]);
    let site = site.restart().await;
    assert_eq!(here(&site), NAMES);
    assert_eq!(held(&site), NAMES[5..]);
}

#[tokio::test]
async fn a_catalogue_that_went_back_in_time_holds_on_when_it_has_grown_again() {
    let site = lost(&[]).await;
    let known = site.shelf.known().unwrap().revision.0;
    site.agent.stop().await;
    remove(&site, &["a", "b"]);
    site.registry.turn_back_to(2);
    let site = site.restart().await;
    assert_eq!(held(&site), ["a", "b"]);
    site.agent.stop().await;
    site.registry.turn_back_to(known);
    publish(&site, &["new"]);
    let site = site.restart().await;
    assert_eq!(held(&site), ["a", "b"]);
    assert_eq!(site.shelf.all().len(), NAMES.len() + 1);
}

/// Confirms what is held of a client that still waits for an image, which it has to have before
/// anything goes.
async fn confirmed_while_a_round_goes_on(names: &[&str]) -> (Site, JoinHandle<RoundReport>) {
    let site = lost(names).await;
    assert_eq!(held(&site), names);
    hold_up_a_round(&site).await;
    let (agent, confirmed) = (site.agent.clone(), site.status().held);
    let asked = tokio::spawn(async move { agent.sync_now(confirmed).await.unwrap() });
    until("it is confirmed", || site.status().held.is_none()).await;
    assert_eq!(site.shelf.all().len(), NAMES.len(), "images come first");
    (site, asked)
}

#[tokio::test]
async fn a_confirmation_is_for_what_was_held_and_not_for_the_rest_of_the_round() {
    let (site, asked) = confirmed_while_a_round_goes_on(&NAMES[..6]).await;
    remove(&site, &NAMES[6..]);
    until("the others are held", || held(&site) == NAMES[6..]).await;
    site.registry.state.stalled.send_replace(None);
    let report = asked.await.unwrap();
    assert_eq!(report.held, site.status().held);
    assert_eq!(here(&site), ["g", "h", "i", "j", "slow"]);
}

#[tokio::test]
async fn a_confirmation_is_no_consent_to_another_registry() {
    let (site, asked) = confirmed_while_a_round_goes_on(&NAMES[..6]).await;
    site.registry.replace("other");
    let report = asked.await.unwrap();
    let reason = report.held.unwrap().reason;
    assert!(matches!(reason, HeldReason::OtherRegistry { .. }));
    assert_eq!(here(&site), NAMES);
    assert_eq!(site.shelf.known().unwrap().id.as_str(), "home");
}

#[tokio::test]
async fn a_confirmation_is_over_when_the_registry_shows_the_applications_again() {
    let (site, asked) = confirmed_while_a_round_goes_on(&NAMES[..6]).await;
    publish(&site, &NAMES[..6]);
    until("nothing is to be removed", || {
        let applications = site.status().applications;
        let synced = |it: &&ApplicationStatus| it.state == ApplicationState::Synced;
        applications.iter().filter(synced).count() == NAMES.len()
    })
    .await;
    remove(&site, &NAMES[..6]);
    until("they are held", || held(&site) == NAMES[..6]).await;
    site.registry.state.stalled.send_replace(None);
    assert_eq!(asked.await.unwrap().counts.removed, 0);
    assert_eq!(site.shelf.all().len(), NAMES.len() + 1);
}

#[tokio::test]
async fn a_second_confirmation_takes_nothing_back_from_the_first() {
    let (site, asked) = confirmed_while_a_round_goes_on(&NAMES[..6]).await;
    remove(&site, &NAMES[6..]);
    until("the others are held", || held(&site) == NAMES[6..]).await;
    let (agent, confirmed) = (site.agent.clone(), site.status().held);
    let again = tokio::spawn(async move { agent.sync_now(confirmed).await.unwrap() });
    until("they are confirmed", || site.status().held.is_none()).await;
    site.registry.state.stalled.send_replace(None);
    assert_eq!(asked.await.unwrap().held, None);
    assert_eq!(again.await.unwrap().held, None);
    assert_eq!(here(&site), ["slow"]);
}

#[tokio::test]
async fn a_confirmation_that_is_cancelled_does_not_count_in_a_round_that_goes_on() {
    let (site, asked) = confirmed_while_a_round_goes_on(&NAMES[..6]).await;
    asked.abort();
    until("they are held", || held(&site) == NAMES[..6]).await;
    assert!(site.status().running);
    site.registry.state.stalled.send_replace(None);
    assert_eq!(site.sync_all().await.counts.removed, 0);
    assert_eq!(site.shelf.all().len(), NAMES.len() + 1);
    assert_eq!(held(&site), NAMES[..6]);
}

#[tokio::test]
async fn a_confirmation_that_is_cancelled_does_not_count_for_those_who_wait_for_the_same_round() {
    let site = lost(&NAMES[..6]).await;
    let slow = content("slow", 1000);
    let stalled = Some(image(&slow).digest);
    site.registry.state.stalled.send_replace(stalled);
    site.registry.publish_content("slow", 0, &[], slow);
    let running = asked(site.agent.pull_one(name("slow")));
    let confirmed = asked(site.agent.sync_now(site.status().held));
    let waiting = asked(site.agent.sync_now(None));
    drop(confirmed);
    site.registry.state.stalled.send_replace(None);
    running.await.unwrap();
    let report = waiting.await.unwrap();
    assert_eq!(report.held.unwrap().applications.len(), 6);
    assert_eq!(report.counts.removed, 0);
    assert_eq!(site.shelf.all().len(), NAMES.len() + 1);
}

#[tokio::test]
async fn a_registry_whose_confirmation_is_cancelled_is_not_followed_by_the_next_round() {
    let site = Site::start(Mode::Pull).await;
    site.registry.publish("a", 0, &[]);
    until("it is here", || site.shelf.versions("a") == "0").await;
    site.agent.stop().await;
    site.registry.replace("other");
    let site = site.restart().await;
    assert_eq!(held(&site), ["a"]);
    let slow = content("slow", 1000);
    let stalled = Some(image(&slow).digest);
    site.registry.state.stalled.send_replace(stalled);
    site.registry.publish_content("slow", 0, &[], slow);
    let confirmed = asked(site.agent.sync_now(site.status().held));
    until("it is on its way", || {
        !site.status().transfers.is_empty() && site.status().held.is_none()
    })
    .await;
    drop(confirmed);
    until("it is held", || {
        held(&site) == ["a"] || !site.status().running
    })
    .await;
    site.registry.state.stalled.send_replace(None);
    site.sync_all().await;
    assert_eq!(here(&site), ["a", "slow"]);
    assert_eq!(held(&site), ["a"]);
    assert_eq!(site.shelf.known().unwrap().id.as_str(), "home");
}
