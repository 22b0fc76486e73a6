//! A registry, a catalogue, and the agent between them.

use std::{sync::Arc, time::Duration};

use aar_client::{ClientOptions, RegistryClient, Timeouts};
use aar_sync::{Agent, AgentConfig, AgentStatus, RoundOutcome, RoundReport, SyncMode};
use aar_types::Clock;
use backon::ExponentialBuilder;

use super::{FakeRegistry, TestCatalogue, identity, until};

/// A configuration with an interval of an hour, and few and short retries.
pub(crate) fn config(registry: &FakeRegistry, mode: SyncMode) -> AgentConfig {
    let options = ClientOptions {
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(5),
            stall: Duration::from_secs(5),
        },
        retry: ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(1))
            .with_max_delay(Duration::from_millis(5))
            .with_max_times(2),
        ..ClientOptions::new(registry.url(), registry.fingerprint(), identity("ams"))
    };
    AgentConfig {
        client: RegistryClient::new(options).unwrap(),
        mode,
        interval: Duration::from_hours(1),
        tags: Vec::new(),
    }
}

pub(crate) struct Setup {
    pub(crate) registry: FakeRegistry,
    pub(crate) catalogue: TestCatalogue,
    pub(crate) agent: Agent,
}

impl Setup {
    /// Starts an agent and waits for its first round.
    pub(crate) async fn start(mode: SyncMode) -> Self {
        let registry = FakeRegistry::start().await;
        Self::over(registry, TestCatalogue::new(), mode).await
    }

    pub(crate) async fn over(
        registry: FakeRegistry,
        catalogue: TestCatalogue,
        mode: SyncMode,
    ) -> Self {
        let config = config(&registry, mode);
        let shared = Arc::new(catalogue.clone());
        let agent = Agent::spawn(shared, Some(config).into(), Clock::system());
        if mode != SyncMode::Manual {
            until("the first round has ended", || {
                agent.status().last_round.is_some()
            })
            .await;
        }
        Self {
            registry,
            catalogue,
            agent,
        }
    }

    /// Stops the agent and starts another one that pulls, like a restart of the program.
    pub(crate) async fn restart(self) -> Self {
        self.agent.stop().await;
        Self::over(self.registry, self.catalogue, SyncMode::Pull).await
    }

    pub(crate) fn config(&self, mode: SyncMode) -> AgentConfig {
        config(&self.registry, mode)
    }

    pub(crate) async fn sync(&self) -> RoundReport {
        self.agent.sync_now(None).await.unwrap()
    }

    /// Runs a round that confirms the held removals.
    pub(crate) async fn confirm(&self) -> RoundReport {
        let held = self.status().held;
        self.agent.sync_now(held).await.unwrap()
    }

    /// Runs a round and asserts that it is done.
    pub(crate) async fn sync_all(&self) -> RoundReport {
        let report = self.sync().await;
        assert_eq!(report.outcome, RoundOutcome::Done, "{report:?}");
        report
    }

    pub(crate) async fn transfer_starts(&self) {
        until("a transfer starts", || !self.status().transfers.is_empty()).await;
        // The registry must not change before the request has arrived.
        until("the transfer stalls", || self.registry.is_stalling()).await;
    }

    pub(crate) fn status(&self) -> AgentStatus {
        self.agent.status()
    }

    pub(crate) fn error(&self) -> String {
        let report = self.status().last_round.unwrap();
        report.error.unwrap_or_default()
    }
}
