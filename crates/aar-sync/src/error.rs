use aar_client::Error as ClientError;
use aar_types::{ApplicationName, Architecture, RuleViolation, VersionNumber};

use crate::local_catalogue::LocalError;

/// Why a step, or a whole round, failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Registry(#[from] ClientError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("the registry has no application {0} for {1}")]
    NotInRegistry(ApplicationName, Architecture),
    #[error("the registry has no application {0} for {1} that matches registry.filter")]
    Filtered(ApplicationName, Architecture),
    #[error("this AMS has no application {0}")]
    NotLocal(ApplicationName),
    #[error("{0} was pulled from a registry and is not pushed back")]
    Imported(ApplicationName),
    #[error("{0} has no published version that is ready; publish one first")]
    NothingPublished(ApplicationName),
    /// Nothing is transferred or changed for it.
    #[error("the registry has metadata that no manifest could have: {0}")]
    InvalidMetadata(#[from] RuleViolation),
    /// The local catalogue has changed since the plan. The next plan says what is left to do.
    #[error("this AMS changed in the meantime")]
    Superseded,
    #[error("{0} was deleted on this AMS while it was pulled")]
    DeletedHere(ApplicationName),
    #[error("the registry no longer offers version {1} of {0}")]
    NoLongerOffered(ApplicationName, VersionNumber),
}

/// Why a requested round did not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoundRefused {
    #[error("no registry is configured; set registry.url and registry.fingerprint")]
    NotConfigured,
    #[error("{0}")]
    InvalidConfig(String),
    #[error("registry.mode is manual: name the application to push or pull")]
    ManualMode,
    #[error("the configuration of the registry changed before the round started; try again")]
    Reconfigured,
    #[error("the agent has stopped")]
    Stopped,
}

impl Error {
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Superseded | Self::Registry(ClientError::Cancelled)
        )
    }

    pub(crate) fn is_no_space(&self) -> bool {
        matches!(
            self,
            Self::Registry(ClientError::NoSpace { .. }) | Self::Local(LocalError::NoSpace)
        )
    }
}
