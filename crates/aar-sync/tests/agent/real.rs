//! A publisher and a client with the real registry between them, which is killed now and then.

use std::{sync::Arc, time::Duration};

use aar_client::{ClientOptions, RegistryClient};
use aar_sync::{Agent, AgentConfig, AgentHandle, FeedState, Mode, Outcome};
use aar_testkit::{TestPki, TestRegistry};
use aar_types::Clock;

use crate::support::{Shelf, content, until};

/// An agent for somebody whom the registry trusts.
fn agent(registry: &TestRegistry, pki: &TestPki, shelf: &Shelf, mode: Mode) -> AgentHandle {
    let persona = match mode {
        Mode::Push => &pki.publisher,
        Mode::Pull | Mode::Manual => &pki.client,
    };
    registry.trust(
        persona.certificate(),
        if mode == Mode::Push {
            "publisher"
        } else {
            "client"
        },
    );
    let client = RegistryClient::new(ClientOptions::new(
        registry.url().parse().unwrap(),
        registry.fingerprint().parse().unwrap(),
        persona.identity().clone(),
    ));
    let config = AgentConfig {
        client: client.unwrap(),
        mode,
        interval: Duration::from_mins(10),
        tags: Vec::new(),
    };
    Agent::spawn(
        Arc::new(shelf.clone()),
        Some(config).into(),
        Clock::system(),
    )
}

async fn started() -> (TestRegistry, TestPki) {
    let start = || (TestRegistry::start(), TestPki::new());
    tokio::task::spawn_blocking(start).await.unwrap()
}

async fn arrives(shelf: &Shelf, application: &str, versions: &str) {
    until("it arrives", || shelf.versions(application) == versions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_publisher_has_does_not_wait_for_the_next_round_of_a_client() {
    let (registry, pki) = started().await;
    let (here, there) = (Shelf::new(), Shelf::new());
    let publisher = agent(&registry, &pki, &here, Mode::Push);
    let client = agent(&registry, &pki, &there, Mode::Pull);
    until("the feed listens", || {
        client.status().change_feed == FeedState::Listening
    })
    .await;
    for number in 0..3 {
        here.create("app", number, &content(&format!("app/{number}"), 200_000));
        publisher.local_changed();
        let wanted: Vec<_> = (0..=number).map(|n| n.to_string()).collect();
        arrives(&there, "app", &wanted.join(" ")).await;
    }
    here.edit("app", |app| {
        app.metadata.tags = vec!["x".to_owned()];
        app.versions[1].published = false;
    });
    publisher.local_changed();
    arrives(&there, "app", "0 1w 2").await;
    until("the metadata follow", || {
        there.all().values().all(|app| app.metadata.tags == ["x"])
    })
    .await;
    let round = client.sync_now(None).await.unwrap();
    assert_eq!(round.outcome, Outcome::Done, "{round:?}");
    publisher.stop().await;
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_go_on_after_the_registry_was_killed() {
    let (mut registry, pki) = started().await;
    let (here, there) = (Shelf::new(), Shelf::new());
    here.create("app", 0, &content("large", 96 << 20));
    let publisher = agent(&registry, &pki, &here, Mode::Push);
    until("it is on its way", || far(&publisher) > (8 << 20)).await;
    kill_and_run(&mut registry);
    // The upload is retried by itself, or with the next round.
    while publisher.sync_now(None).await.unwrap().outcome != Outcome::Done {}

    let client = agent(&registry, &pki, &there, Mode::Pull);
    until("it is on its way", || far(&client) > (8 << 20)).await;
    kill_and_run(&mut registry);
    while client.sync_now(None).await.unwrap().outcome != Outcome::Done {}
    assert_eq!(there.versions("app"), "0");
    assert_eq!(there.files().len(), 1);
    publisher.stop().await;
    client.stop().await;
}

/// How far the first transfer is, or has been.
fn far(agent: &AgentHandle) -> u64 {
    let status = agent.status();
    let counts = status.last_round.map(|round| round.counts);
    let done = counts.is_some_and(|counts| counts.imported + counts.pushed > 0);
    let bytes = status
        .transfers
        .first()
        .map_or(0, |transfer| transfer.bytes);
    if done { u64::MAX } else { bytes }
}

fn kill_and_run(registry: &mut TestRegistry) {
    tokio::task::block_in_place(|| {
        registry.kill();
        registry.run();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_no_longer_trusted_says_so_and_keeps_what_it_has() {
    let (registry, pki) = started().await;
    let (here, there) = (Shelf::new(), Shelf::new());
    here.create("app", 0, &content("app/0", 1000));
    let publisher = agent(&registry, &pki, &here, Mode::Push);
    let client = agent(&registry, &pki, &there, Mode::Pull);
    arrives(&there, "app", "0").await;
    let fingerprint = pki.client.fingerprint();
    tokio::task::block_in_place(|| {
        registry
            .aar(&["trust", "revoke", "--yes", &fingerprint])
            .success()
    });
    let round = client.sync_now(None).await.unwrap();
    assert_eq!(round.outcome, Outcome::Failed);
    let error = round.error.unwrap();
    assert!(error.contains("certificate_revoked"), "{error}");
    assert_eq!(there.versions("app"), "0");
    publisher.stop().await;
    client.stop().await;
}
