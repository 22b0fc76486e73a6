use std::{fmt, time::Duration};

use aar_client::RegistryClient;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone)]
pub struct AgentConfig {
    pub client: RegistryClient,
    pub mode: SyncMode,
    /// The time between two scheduled rounds, before jitter.
    pub interval: Duration,
    /// Pull only applications with at least one of these tags; empty pulls all.
    pub tags: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum RegistryConfig {
    NotConfigured,
    /// The message says what is wrong with the configuration.
    Invalid(String),
    Configured(AgentConfig),
}

impl From<Option<AgentConfig>> for RegistryConfig {
    fn from(config: Option<AgentConfig>) -> Self {
        config.map_or(Self::NotConfigured, Self::Configured)
    }
}

/// Which rounds an agent runs without a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncMode {
    /// Follow the registry.
    Pull,
    /// Publish local applications in the registry.
    Push,
    /// None: applications are pushed and pulled on request only.
    Manual,
}

impl SyncMode {
    pub(crate) fn direction(self) -> Option<SyncDirection> {
        match self {
            Self::Pull => Some(SyncDirection::Pull),
            Self::Push => Some(SyncDirection::Push),
            Self::Manual => None,
        }
    }

    /// The name in configurations and bodies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Manual => "manual",
        }
    }
}

impl fmt::Display for SyncMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncDirection {
    /// From the registry to the local catalogue.
    Pull,
    /// From the local catalogue to the registry.
    Push,
}
