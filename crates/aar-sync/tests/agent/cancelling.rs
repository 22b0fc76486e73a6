//! Rounds whose requesters cancel.

use aar_sync::{RoundOutcome, RoundReport, SyncMode};
use tokio::task::JoinHandle;

use crate::support::{Setup, content, image, name, requested, until};

type Request = JoinHandle<RoundReport>;

/// The transfer of the returned image stalls until it is released.
async fn stalled(mode: SyncMode) -> (Setup, Vec<u8>) {
    let setup = Setup::start(mode).await;
    let slow = content("slow", 1000);
    setup.registry.stall(&slow);
    (setup, slow)
}

fn pull_slow(setup: &Setup) -> Request {
    let agent = setup.agent.clone();
    tokio::spawn(async move { agent.pull_one(name("slow")).await.unwrap() })
}

fn sync(setup: &Setup) -> Request {
    let agent = setup.agent.clone();
    tokio::spawn(async move { agent.sync_now(None).await.unwrap() })
}

async fn is_cancelled(setup: &Setup, reason: &str) {
    until("the round has ended", || !setup.status().running).await;
    let round = setup.status().last_round.unwrap();
    assert_eq!(round.outcome, RoundOutcome::Cancelled);
    assert!(setup.error().contains(reason), "{}", setup.error());
}

#[tokio::test]
async fn pull_ends_when_all_requesters_cancel_and_the_next_one_completes() {
    let (setup, slow) = stalled(SyncMode::Manual).await;
    setup.registry.publish_content("slow", 0, &[], slow);
    let (first, second) = (pull_slow(&setup), pull_slow(&setup));
    setup.transfer_starts().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(setup.status().running, "one requester still waits");
    second.abort();
    is_cancelled(&setup, "cancelled").await;
    assert_eq!(setup.catalogue.versions("slow"), "-");
    setup.registry.release();
    let report = pull_slow(&setup).await.unwrap();
    assert_eq!(
        (report.outcome, report.counts.imported),
        (RoundOutcome::Done, 1)
    );
    assert_eq!(setup.catalogue.versions("slow"), "0");
}

/// A request during the end of a cancelled round does not get the result of that round.
#[tokio::test]
async fn request_right_after_a_cancellation_is_served() {
    for wait in 0..10 {
        let (setup, slow) = stalled(SyncMode::Manual).await;
        setup.registry.publish_content("slow", 0, &[], slow);
        let request = pull_slow(&setup);
        setup.transfer_starts().await;
        request.abort();
        tokio::time::sleep(std::time::Duration::from_micros(50 * wait)).await;
        let again = pull_slow(&setup);
        setup.registry.release();
        assert_eq!(again.await.unwrap().outcome, RoundOutcome::Done);
        assert_eq!(setup.catalogue.versions("slow"), "0");
    }
}

#[tokio::test]
async fn queued_round_without_requesters_does_not_run() {
    let (setup, slow) = stalled(SyncMode::Manual).await;
    setup.registry.publish_content("slow", 0, &[], slow);
    setup.registry.publish("other", 0, &[]);
    setup.registry.publish("last", 0, &[]);
    let running = pull_slow(&setup);
    setup.transfer_starts().await;
    let cancelled = requested(setup.agent.pull_one(name("other")));
    // Its result shows that the queue has passed the cancelled one.
    let last = requested(setup.agent.pull_one(name("last")));
    drop(cancelled);
    let before = setup.status().totals.rounds.cancelled;
    setup.registry.release();
    running.await.unwrap();
    assert_eq!(last.await.unwrap().outcome, RoundOutcome::Done);
    assert_eq!(setup.catalogue.versions("last"), "0");
    assert_eq!(setup.catalogue.versions("other"), "-");
    assert_eq!(setup.status().totals.rounds.cancelled, before);
    let image = "GET /1.0/applications/other/amd64/versions/0/image";
    assert_eq!(setup.registry.request_count(image), 0);
}

/// A cancelled round does not count as the retry that is due after a failure.
#[tokio::test]
async fn cancelled_round_does_not_postpone_the_retry() {
    let (setup, slow) = stalled(SyncMode::Push).await;
    setup.registry.respond_with(Some((503, "")));
    assert_eq!(setup.sync().await.outcome, RoundOutcome::Failed);
    setup.registry.respond_with(None);
    setup.catalogue.create("slow", 0, &slow);
    let request = requested(setup.agent.sync_now(None));
    until("the round runs", || setup.status().running).await;
    drop(request);
    until("the round is cancelled", || {
        setup.status().last_round.unwrap().outcome == RoundOutcome::Cancelled
    })
    .await;
    setup.registry.release();
    // The interval is an hour.
    until("the push is retried", || {
        setup.registry.has(&image(&slow).digest)
    })
    .await;
}

#[tokio::test]
async fn cancelled_push_is_resumed() {
    let (setup, slow) = stalled(SyncMode::Push).await;
    setup.catalogue.create("slow", 0, &slow);
    let request = sync(&setup);
    until("the upload starts", || {
        setup.catalogue.has_upload_of(&image(&slow).digest)
    })
    .await;
    request.abort();
    is_cancelled(&setup, "cancelled").await;
    assert!(setup.catalogue.has_upload_of(&image(&slow).digest));
    assert!(setup.status().next_round.is_some(), "the interval remains");
    setup.registry.release();
    setup.sync_all().await;
    assert!(setup.registry.has(&image(&slow).digest));
    assert_eq!(setup.registry.request_count("POST /1.0/uploads"), 1);
}

#[tokio::test]
async fn automatic_round_continues_after_requesters_cancel() {
    let (setup, slow) = stalled(SyncMode::Push).await;
    setup.catalogue.create("slow", 0, &slow);
    setup.agent.local_changed();
    setup.transfer_starts().await;
    drop(requested(setup.agent.sync_now(None)));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(setup.status().running);
    setup.registry.release();
    until("the image is pushed", || {
        setup.registry.has(&image(&slow).digest)
    })
    .await;
}
