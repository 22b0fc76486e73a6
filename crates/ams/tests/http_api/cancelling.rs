//! Transfers are cancelled and resumed.

use std::{fs, path::Path, time::Duration};

use aar_testkit::{Direction, FaultProxy, Folder, Package, TestRegistry};
use ams_api::{Operation, StatusCode};
use http::Method;
use serde_json::json;
use tokio::task::block_in_place;

use crate::{
    connected::connect_to_registry,
    running_ams::{Caller, FullResponse, RunningAms, upload},
};

const SIZE: u64 = 24 << 20;
/// Bytes transferred before the cancellation.
const FIRST: u64 = 16 << 20;
/// Bytes that may be transferred twice.
const REPEATED: u64 = 9 << 20;

/// The size of all partial files below a folder.
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

async fn start_transfer(ams: &RunningAms, kind: &str) -> FullResponse {
    let path = format!("/1.0/registry/applications/game/{kind}");
    ams.json(Method::POST, &path, json!({})).await
}

/// Waits until a part of an image has been transferred, and cancels the transfer.
async fn cancel_in_the_middle(ams: &RunningAms, accepted: &FullResponse) -> Operation {
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

/// The last round, after it has ended.
async fn last_round(ams: &RunningAms) -> serde_json::Value {
    loop {
        let mut status = ams.get("/1.0/registry/status").await.metadata();
        if status["running"] == false {
            return status["last_round"].take();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_push_or_pull_resumes_where_it_stopped() {
    let registry = block_in_place(TestRegistry::start);
    let network = FaultProxy::start(registry.address());
    let url = network.url();
    let (publisher, client) = (
        RunningAms::at_present().await,
        RunningAms::at_present().await,
    );
    connect_to_registry(&publisher, &registry, &url).await;
    connect_to_registry(&client, &registry, &url).await;
    let folder = Folder::new("ams-cancelling");
    let package = Package::new("game").noise("level.dat", SIZE, 1);
    let package = fs::read(package.write_zip(&folder.join("game.zip"))).unwrap();
    let created = publisher.call(
        &Caller::Local,
        upload(Method::POST, "/1.0/applications", package),
    );
    publisher.succeed(&created.await).await;

    for (ams, kind, direction) in [
        (&publisher, "push", Direction::Up),
        (&client, "pull", Direction::Down),
    ] {
        let before = network.bytes(direction);
        network.throttle(8 << 20);
        let accepted = start_transfer(ams, kind).await;
        let ended = cancel_in_the_middle(ams, &accepted).await;
        assert_eq!(ended.status_code, StatusCode::Cancelled, "{kind}");
        let round = last_round(ams).await;
        assert_eq!(round["outcome"], "cancelled", "{round}");
        assert_ne!(round["error"], "");
        if kind == "pull" {
            assert_eq!(ams.get("/1.0/applications").await.metadata(), json!([]));
            assert!(partial(&ams.path("")) > FIRST);
        }
        network.heal();
        ams.succeed(&start_transfer(ams, kind).await).await;
        let moved = network.bytes(direction) - before;
        assert!(moved < SIZE + REPEATED, "{kind}: {moved}");
    }
    let here = client.get("/1.0/applications/game").await.metadata();
    assert_eq!(here["versions"][0]["published"], true, "{here}");
    assert_eq!(partial(&client.path("")), 0);
}

/// Whether the registry has the application, and whether the status lists it.
async fn presence(ams: &RunningAms) -> (bool, bool) {
    let listed = ams.get("/1.0/registry/applications").await.metadata();
    let status = ams.get("/1.0/registry/status").await.metadata();
    let shown = status["applications"].as_array();
    (
        listed != json!([]),
        shown.is_some_and(|all| !all.is_empty()),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_deletion_in_the_registry_is_complete_or_did_not_happen() {
    let registry = block_in_place(TestRegistry::start);
    let network = FaultProxy::start(registry.address());
    let ams = RunningAms::at_present().await;
    connect_to_registry(&ams, &registry, &network.url()).await;
    ams.create("name: game\ninstance-type: a2.3\n").await;
    ams.succeed(&start_transfer(&ams, "push").await).await;
    assert_eq!(presence(&ams).await, (true, true));

    network.throttle(4 << 10);
    let path = "/1.0/registry/applications/game";
    let accepted = ams.json(Method::DELETE, path, json!({})).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let location = accepted.header("location");
    ams.json(Method::DELETE, location, json!({})).await;
    ams.finish(&accepted).await;
    network.heal();
    // A deletion that has not happened by then does not happen.
    for _ in 0..500 {
        if presence(&ams).await == (false, false) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(presence(&ams).await, (true, true));
}
