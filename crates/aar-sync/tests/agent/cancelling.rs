//! What becomes of a round when those who asked for it do not want it any more.

use aar_sync::{Mode, Outcome, RoundReport};
use tokio::task::JoinHandle;

use crate::support::{Site, asked, content, image, name, until};

type Asked = JoinHandle<RoundReport>;

/// A registry that has an application whose image does not arrive until it is let through.
async fn held_up(mode: Mode) -> (Site, Vec<u8>) {
    let site = Site::start(mode).await;
    let slow = content("slow", 1000);
    let stalled = Some(image(&slow).digest);
    site.registry.state.stalled.send_replace(stalled);
    (site, slow)
}

fn pull_slow(site: &Site) -> Asked {
    let agent = site.agent.clone();
    tokio::spawn(async move { agent.pull_one(name("slow")).await.unwrap() })
}

fn sync(site: &Site) -> Asked {
    let agent = site.agent.clone();
    tokio::spawn(async move { agent.sync_now(None).await.unwrap() })
}

async fn on_its_way(site: &Site) {
    until("it is on its way", || !site.status().transfers.is_empty()).await;
}

async fn ended(site: &Site, reason: &str) {
    until("the round has ended", || !site.status().running).await;
    let round = site.status().last_round.unwrap();
    assert_eq!(round.outcome, Outcome::Cancelled);
    assert!(site.error().contains(reason), "{}", site.error());
}

#[tokio::test]
async fn a_pull_that_nobody_wants_any_more_ends_and_another_one_does_it_all() {
    let (site, slow) = held_up(Mode::Manual).await;
    site.registry.publish_content("slow", 0, &[], slow);
    let (first, second) = (pull_slow(&site), pull_slow(&site));
    on_its_way(&site).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(site.status().running, "somebody still waits for it");
    second.abort();
    ended(&site, "cancelled").await;
    assert_eq!(site.shelf.versions("slow"), "-");
    site.registry.state.stalled.send_replace(None);
    let report = pull_slow(&site).await.unwrap();
    assert_eq!((report.outcome, report.counts.imported), (Outcome::Done, 1));
    assert_eq!(site.shelf.versions("slow"), "0");
}

/// Whoever asks while a cancelled round winds down does not get what it has come to.
#[tokio::test]
async fn who_asks_again_at_once_is_served() {
    for wait in 0..10 {
        let (site, slow) = held_up(Mode::Manual).await;
        site.registry.publish_content("slow", 0, &[], slow);
        let asked = pull_slow(&site);
        on_its_way(&site).await;
        asked.abort();
        tokio::time::sleep(std::time::Duration::from_micros(50 * wait)).await;
        let again = pull_slow(&site);
        site.registry.state.stalled.send_replace(None);
        assert_eq!(again.await.unwrap().outcome, Outcome::Done);
        assert_eq!(site.shelf.versions("slow"), "0");
    }
}

#[tokio::test]
async fn a_round_that_waits_for_its_turn_does_not_run_for_nobody() {
    let (site, slow) = held_up(Mode::Manual).await;
    site.registry.publish_content("slow", 0, &[], slow);
    site.registry.publish("other", 0, &[]);
    site.registry.publish("last", 0, &[]);
    let running = pull_slow(&site);
    on_its_way(&site).await;
    let cancelled = asked(site.agent.pull_one(name("other")));
    // Whoever is served after it shows that its turn has come.
    let last = asked(site.agent.pull_one(name("last")));
    drop(cancelled);
    let before = site.status().totals.rounds.cancelled;
    site.registry.state.stalled.send_replace(None);
    running.await.unwrap();
    assert_eq!(last.await.unwrap().outcome, Outcome::Done);
    assert_eq!(site.shelf.versions("last"), "0");
    assert_eq!(site.shelf.versions("other"), "-");
    assert_eq!(site.status().totals.rounds.cancelled, before);
    let image = "GET /1.0/applications/other/amd64/versions/0/image";
    assert_eq!(site.registry.asked(image), 0);
}

/// What is due after a failure has not been tried by a round that was cancelled.
#[tokio::test]
async fn a_cancelled_round_leaves_the_next_attempt_where_it_was() {
    let (site, slow) = held_up(Mode::Push).await;
    site.registry.answer(Some((503, "")));
    assert_eq!(site.sync().await.outcome, Outcome::Failed);
    site.registry.answer(None);
    site.shelf.create("slow", 0, &slow);
    let request = asked(site.agent.sync_now(None));
    until("it has begun", || site.status().running).await;
    drop(request);
    until("it is cancelled", || {
        site.status().last_round.unwrap().outcome == Outcome::Cancelled
    })
    .await;
    site.registry.state.stalled.send_replace(None);
    // The interval is an hour.
    until("it is tried again", || {
        site.registry.has(&image(&slow).digest)
    })
    .await;
}

#[tokio::test]
async fn a_push_that_is_cancelled_goes_on_where_it_was() {
    let (site, slow) = held_up(Mode::Push).await;
    site.shelf.create("slow", 0, &slow);
    let asked = sync(&site);
    until("the upload has begun", || {
        site.shelf.has_upload_of(&image(&slow).digest)
    })
    .await;
    asked.abort();
    ended(&site, "cancelled").await;
    assert!(site.shelf.has_upload_of(&image(&slow).digest));
    assert!(site.status().next_round.is_some(), "the interval holds");
    site.registry.state.stalled.send_replace(None);
    site.sync_all().await;
    assert!(site.registry.has(&image(&slow).digest));
    assert_eq!(site.registry.asked("POST /1.0/uploads"), 1);
}

#[tokio::test]
async fn a_round_that_runs_anyhow_goes_on_without_those_who_joined_it() {
    let (site, slow) = held_up(Mode::Push).await;
    site.shelf.create("slow", 0, &slow);
    site.agent.local_changed();
    on_its_way(&site).await;
    drop(asked(site.agent.sync_now(None)));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(site.status().running);
    site.registry.state.stalled.send_replace(None);
    until("it is there", || site.registry.has(&image(&slow).digest)).await;
}
