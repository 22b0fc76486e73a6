//! A registry, a shelf, and the agent between them.

use std::{sync::Arc, time::Duration};

use aar_client::{ClientOptions, RegistryClient, RetryPolicy, Timeouts};
use aar_sync::{Agent, AgentConfig, AgentHandle, AgentStatus, Mode, Outcome, RoundReport};
use aar_types::Clock;

use super::{Registry, Shelf, identity, until};

/// A configuration that rests for an hour between rounds and gives up quickly.
pub(crate) fn config(registry: &Registry, mode: Mode) -> AgentConfig {
    let options = ClientOptions {
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(5),
            stall: Duration::from_secs(5),
        },
        retry: RetryPolicy {
            failures: 2,
            first: Duration::from_millis(1),
            longest: Duration::from_millis(5),
        },
        ..ClientOptions::new(registry.url(), registry.fingerprint(), identity("ams"))
    };
    AgentConfig {
        client: RegistryClient::new(options).unwrap(),
        mode,
        interval: Duration::from_hours(1),
        tags: Vec::new(),
    }
}

pub(crate) struct Site {
    pub(crate) registry: Registry,
    pub(crate) shelf: Shelf,
    pub(crate) agent: AgentHandle,
}

impl Site {
    /// Starts an agent and waits for its first round.
    pub(crate) async fn start(mode: Mode) -> Self {
        let registry = Registry::start().await;
        Self::over(registry, Shelf::new(), mode).await
    }

    pub(crate) async fn over(registry: Registry, shelf: Shelf, mode: Mode) -> Self {
        let config = config(&registry, mode);
        let catalogue = Arc::new(shelf.clone());
        let agent = Agent::spawn(catalogue, Some(config).into(), Clock::system());
        if mode != Mode::Manual {
            until("the first round has ended", || {
                agent.status().last_round.is_some()
            })
            .await;
        }
        Self {
            registry,
            shelf,
            agent,
        }
    }

    /// Ends the agent and starts another one that pulls, as a restart of the program does.
    pub(crate) async fn restart(self) -> Self {
        self.agent.stop().await;
        Self::over(self.registry, self.shelf, Mode::Pull).await
    }

    pub(crate) fn config(&self, mode: Mode) -> AgentConfig {
        config(&self.registry, mode)
    }

    /// Runs a round.
    pub(crate) async fn sync(&self) -> RoundReport {
        self.agent.sync_now(None).await.unwrap()
    }

    /// Runs a round and confirms what is held.
    pub(crate) async fn confirm(&self) -> RoundReport {
        let held = self.status().held;
        self.agent.sync_now(held).await.unwrap()
    }

    /// Runs a round that does everything.
    pub(crate) async fn sync_all(&self) -> RoundReport {
        let report = self.sync().await;
        assert_eq!(report.outcome, Outcome::Done, "{report:?}");
        report
    }

    pub(crate) fn status(&self) -> AgentStatus {
        self.agent.status()
    }

    pub(crate) fn error(&self) -> String {
        let report = self.status().last_round.unwrap();
        report.error.unwrap_or_default()
    }
}
