//! What an agent is told to do.

use std::time::Duration;

use aar_client::RegistryClient;

use crate::Mode;

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
