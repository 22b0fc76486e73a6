//! A publisher and a client with a real registry between them, which is killed during transfers.

use std::{sync::Arc, time::Duration};

use aar_client::{ClientOptions, RegistryClient};
use aar_sync::{Agent, AgentConfig, FeedState, RoundOutcome, SyncMode};
use aar_testkit::{TestPki, TestRegistry};
use aar_types::Clock;

use crate::support::{TestCatalogue, content, until, within};

/// An agent whose certificate the registry trusts.
fn agent(
    registry: &TestRegistry,
    pki: &TestPki,
    catalogue: &TestCatalogue,
    mode: SyncMode,
) -> Agent {
    let persona = match mode {
        SyncMode::Push => &pki.publisher,
        SyncMode::Pull | SyncMode::Manual => &pki.client,
    };
    registry.trust(
        persona.certificate(),
        if mode == SyncMode::Push {
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
        Arc::new(catalogue.clone()),
        Some(config).into(),
        Clock::system(),
    )
}

async fn started() -> (TestRegistry, TestPki) {
    let start = || (TestRegistry::start(), TestPki::new());
    tokio::task::spawn_blocking(start).await.unwrap()
}

async fn arrives(catalogue: &TestCatalogue, application: &str, versions: &str) {
    until("the versions are imported", || {
        catalogue.versions(application) == versions
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publication_reaches_a_client_before_its_next_scheduled_round() {
    let (registry, pki) = started().await;
    let (source, target) = (TestCatalogue::new(), TestCatalogue::new());
    let publisher = agent(&registry, &pki, &source, SyncMode::Push);
    let client = agent(&registry, &pki, &target, SyncMode::Pull);
    until("the change feed is watched", || {
        client.status().change_feed == FeedState::Listening
    })
    .await;
    for number in 0..3 {
        source.create("app", number, &content(&format!("app/{number}"), 200_000));
        publisher.local_changed();
        let wanted: Vec<_> = (0..=number).map(|n| n.to_string()).collect();
        arrives(&target, "app", &wanted.join(" ")).await;
    }
    source.edit("app", |app| {
        app.metadata.tags = vec!["x".to_owned()];
        app.versions[1].published = false;
    });
    publisher.local_changed();
    arrives(&target, "app", "0 1w 2").await;
    until("the metadata is updated", || {
        target.all().values().all(|app| app.metadata.tags == ["x"])
    })
    .await;
    let round = client.sync_now(None).await.unwrap();
    assert_eq!(round.outcome, RoundOutcome::Done, "{round:?}");
    publisher.stop().await;
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_complete_after_the_registry_was_killed() {
    let (mut registry, pki) = started().await;
    let (source, target) = (TestCatalogue::new(), TestCatalogue::new());
    source.create("app", 0, &content("large", 96 << 20));
    let publisher = agent(&registry, &pki, &source, SyncMode::Push);
    transfers(&publisher, 8 << 20).await;
    restart(&mut registry);
    // The agent retries the upload itself, or in the next round.
    completes(&publisher).await;

    let client = agent(&registry, &pki, &target, SyncMode::Pull);
    transfers(&client, 8 << 20).await;
    restart(&mut registry);
    completes(&client).await;
    assert_eq!(target.versions("app"), "0");
    assert_eq!(target.files().len(), 1);
    publisher.stop().await;
    client.stop().await;
}

/// Waits until so many bytes of a transfer in flight have arrived.
async fn transfers(agent: &Agent, bytes: u64) {
    until("the transfer is in flight", || {
        let transfers = agent.status().transfers;
        transfers.first().is_some_and(|it| it.bytes > bytes)
    })
    .await;
}

async fn completes(agent: &Agent) {
    let rounds =
        async { while agent.sync_now(None).await.unwrap().outcome != RoundOutcome::Done {} };
    within("a round is done", Duration::from_mins(1), rounds).await;
}

fn restart(registry: &mut TestRegistry) {
    tokio::task::block_in_place(|| {
        registry.kill();
        registry.run();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn client_with_revoked_trust_reports_it_and_keeps_its_applications() {
    let (registry, pki) = started().await;
    let (source, target) = (TestCatalogue::new(), TestCatalogue::new());
    source.create("app", 0, &content("app/0", 10_000));
    let publisher = agent(&registry, &pki, &source, SyncMode::Push);
    let client = agent(&registry, &pki, &target, SyncMode::Pull);
    arrives(&target, "app", "0").await;
    let fingerprint = pki.client.fingerprint();
    tokio::task::block_in_place(|| {
        registry
            .aar(&["trust", "revoke", "--yes", &fingerprint])
            .success()
    });
    let round = client.sync_now(None).await.unwrap();
    assert_eq!(round.outcome, RoundOutcome::Failed);
    let error = round.error.unwrap();
    assert!(error.contains("certificate_revoked"), "{error}");
    assert_eq!(target.versions("app"), "0");
    publisher.stop().await;
    client.stop().await;
}
