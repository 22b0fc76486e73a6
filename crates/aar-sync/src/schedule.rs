use std::{sync::Arc, time::Duration};

use aar_client::RegistryClient;
use aar_types::{ApplicationName, Clock};
use tokio::sync::watch;

use crate::{AgentStatus, LocalCatalogue, Mode, RoundReport};

/// What an agent is to do, and with which registry.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The registry.
    pub client: RegistryClient,
    /// What the agent does by itself.
    pub mode: Mode,
    /// How long it rests between two rounds.
    pub interval: Duration,
    /// The tags of which a pulled application has to have one; empty for every application.
    pub tags: Vec<String>,
}

/// The configuration of an agent, or why there is none.
#[derive(Debug, Clone)]
pub enum Configuration {
    /// No registry is configured.
    Off,
    /// The configuration cannot be used, with the sentence that says why.
    Unusable(String),
    /// A registry is configured.
    On(AgentConfig),
}

impl From<Option<AgentConfig>> for Configuration {
    fn from(config: Option<AgentConfig>) -> Self {
        config.map_or(Self::Off, Self::On)
    }
}

/// Why a round that was asked for did not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoundRefused {
    /// No registry is configured.
    #[error("no registry is configured; set registry.url and registry.fingerprint")]
    Off,
    /// The configuration cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// The mode is manual.
    #[error("registry.mode is manual: name the application to push or pull")]
    Manual,
    /// The agent has ended.
    #[error("the agent has stopped")]
    Stopped,
}

/// The task that keeps applications in step with a registry.
#[derive(Debug)]
pub struct Agent;

impl Agent {
    /// Starts the task. It runs until [`AgentHandle::stop`], whatever the registry answers.
    pub fn spawn<L: LocalCatalogue>(
        catalogue: Arc<L>,
        configuration: Configuration,
        clock: Clock,
    ) -> AgentHandle {
        let _ = (catalogue, configuration, clock);
        todo!()
    }
}

/// The way to talk to an [`Agent`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AgentHandle {}

impl AgentHandle {
    /// Runs a round, or joins the one that is running, and tells how it went. Confirmed removals
    /// are not held back in this round.
    pub async fn sync_now(&self, confirm_removals: bool) -> Result<RoundReport, RoundRefused> {
        let _ = confirm_removals;
        todo!()
    }

    /// Pulls one application, in any mode.
    pub async fn pull_one(&self, name: ApplicationName) -> Result<RoundReport, RoundRefused> {
        let _ = name;
        todo!()
    }

    /// Pushes one application, in any mode.
    pub async fn push_one(&self, name: ApplicationName) -> Result<RoundReport, RoundRefused> {
        let _ = name;
        todo!()
    }

    /// Applies another configuration at once. A round of the old one is ended.
    pub fn reconfigure(&self, configuration: impl Into<Configuration>) {
        let _ = configuration.into();
        todo!()
    }

    /// Tells that local applications changed: in push mode a round begins at once.
    pub fn local_changed(&self) {
        todo!()
    }

    /// How the agent is doing at this moment.
    pub fn status(&self) -> AgentStatus {
        todo!()
    }

    /// The same, each time something begins or ends. Bytes of transfers are as of that moment;
    /// [`status`](Self::status) has the present ones.
    pub fn watch(&self) -> watch::Receiver<AgentStatus> {
        todo!()
    }

    /// Ends the running round cleanly, then the task.
    pub async fn stop(&self) {
        todo!()
    }
}
