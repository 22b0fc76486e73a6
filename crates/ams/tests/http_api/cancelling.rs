//! What is on its way from or to a registry can be cancelled, and goes on where it was.

use std::{fs, path::Path, time::Duration};

use aar_testkit::{Direction, FaultProxy, Folder, Package, TestRegistry};
use ams_api::{Operation, StatusCode};
use http::Method;
use serde_json::json;
use tokio::task::block_in_place;

use crate::{
    introduced::introduce,
    running::{Answer, Door, Running, upload},
};

const SIZE: u64 = 24 << 20;
/// How much of it is moved before it is cancelled.
const FIRST: u64 = 16 << 20;
/// How much of it may have to be moved twice.
const AGAIN: u64 = 9 << 20;

/// How many bytes lie in partial files below a folder.
fn partial(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| match entry.path() {
        path if path.is_dir() => partial(&path),
        path if path.extension().is_some_and(|it| it == "partial") => {
            entry.metadata().map_or(0, |it| it.len())
        }
        _ => 0,
    });
    sizes.sum()
}

async fn ask(ams: &Running, what: &str) -> Answer {
    let path = format!("/1.0/registry/applications/game/{what}");
    ams.json(Method::POST, &path, json!({})).await
}

/// Waits until some of an image has been moved, and cancels what moves it.
async fn cancel_in_the_middle(ams: &Running, accepted: &Answer) -> Operation {
    assert_eq!(accepted.metadata()["may_cancel"], true);
    loop {
        let status = ams.get("/1.0/registry/status").await.metadata();
        let moved = status["transfers"][0]["bytes"].as_u64();
        if moved.is_some_and(|bytes| bytes > FIRST) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let location = accepted.header("location");
    let cancelled = ams.json(Method::DELETE, location, json!({})).await;
    assert!(cancelled.status.is_success(), "{cancelled:?}");
    ams.finish(accepted).await
}

/// The last round, once none runs.
async fn last_round(ams: &Running) -> serde_json::Value {
    loop {
        let mut status = ams.get("/1.0/registry/status").await.metadata();
        if status["running"] == false {
            return status["last_round"].take();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_push_or_pull_loses_nothing_and_goes_on_where_it_was() {
    let registry = block_in_place(TestRegistry::start);
    let network = FaultProxy::start(registry.address());
    let url = network.url();
    let (publisher, client) = (Running::at_present().await, Running::at_present().await);
    introduce(&publisher, &registry, &url).await;
    introduce(&client, &registry, &url).await;
    let folder = Folder::new("ams-cancelling");
    let package = Package::new("game").noise("level.dat", SIZE, 1);
    let package = fs::read(package.write_zip(&folder.join("game.zip"))).unwrap();
    let made = publisher.call(
        &Door::Local,
        upload(Method::POST, "/1.0/applications", package),
    );
    publisher.succeed(&made.await).await;

    for (ams, what, way) in [
        (&publisher, "push", Direction::Up),
        (&client, "pull", Direction::Down),
    ] {
        let before = network.bytes(way);
        network.throttle(8 << 20);
        let accepted = ask(ams, what).await;
        let ended = cancel_in_the_middle(ams, &accepted).await;
        assert_eq!(ended.status_code, StatusCode::Cancelled, "{what}");
        let round = last_round(ams).await;
        assert_eq!(round["outcome"], "cancelled", "{round}");
        assert_ne!(round["error"], "");
        if what == "pull" {
            assert_eq!(ams.get("/1.0/applications").await.metadata(), json!([]));
            assert!(partial(&ams.path("")) > FIRST);
        }
        network.heal();
        ams.succeed(&ask(ams, what).await).await;
        let moved = network.bytes(way) - before;
        assert!(moved < SIZE + AGAIN, "{what}: {moved}");
    }
    let here = client.get("/1.0/applications/game").await.metadata();
    assert_eq!(here["versions"][0]["published"], true, "{here}");
    assert_eq!(partial(&client.path("")), 0);
}

/// Whether the registry has the application, and whether the agent says that both sides have it.
async fn seen(ams: &Running) -> (bool, bool) {
    let there = ams.get("/1.0/registry/applications").await.metadata();
    let status = ams.get("/1.0/registry/status").await.metadata();
    let listed = status["applications"].as_array();
    (
        there != json!([]),
        listed.is_some_and(|all| !all.is_empty()),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_deletion_in_the_registry_is_noted_here_or_did_not_happen() {
    let registry = block_in_place(TestRegistry::start);
    let network = FaultProxy::start(registry.address());
    let ams = Running::at_present().await;
    introduce(&ams, &registry, &network.url()).await;
    ams.create("name: game\ninstance-type: a2.3\n").await;
    ams.succeed(&ask(&ams, "push").await).await;
    assert_eq!(seen(&ams).await, (true, true));

    network.throttle(4 << 10);
    let path = "/1.0/registry/applications/game";
    let accepted = ams.json(Method::DELETE, path, json!({})).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let location = accepted.header("location");
    ams.json(Method::DELETE, location, json!({})).await;
    ams.finish(&accepted).await;
    network.heal();
    // Where the registry has not done it by the end of this, it does not do it at all.
    for _ in 0..500 {
        if seen(&ams).await == (false, false) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(seen(&ams).await, (true, true));
}
