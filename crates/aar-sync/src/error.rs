use aar_client::Error as ClientError;
use aar_types::{ApplicationName, Architecture};

use crate::LocalError;

/// Why a step, or a whole round, failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The registry, or the way to it.
    #[error(transparent)]
    Registry(#[from] ClientError),
    /// The local catalogue.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The application to be pulled is not there.
    #[error("the registry has no application {0} for {1}")]
    NotInRegistry(ApplicationName, Architecture),
    /// The application to be pulled is there, without any of the tags that are asked for.
    #[error("the registry has no application {0} for {1} that matches registry.filter")]
    Filtered(ApplicationName, Architecture),
    /// The application to be pushed is not here.
    #[error("there is no application {0} here")]
    NotHere(ApplicationName),
    /// The application to be pushed came from a registry.
    #[error("{0} was pulled from a registry and is not pushed back")]
    Imported(ApplicationName),
    /// The application to be pushed has nothing to push.
    #[error("{0} has no published version that is ready; publish one first")]
    NothingPublished(ApplicationName),
}

impl Error {
    /// Whether it failed because it was told to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Registry(ClientError::Cancelled))
    }

    /// Whether there was no space; removals make some.
    pub(crate) fn is_no_space(&self) -> bool {
        matches!(
            self,
            Self::Registry(ClientError::NoSpace { .. }) | Self::Local(LocalError::NoSpace)
        )
    }

    /// The message with those of all its causes, in one line.
    pub(crate) fn chain(&self) -> String {
        match self {
            Self::Registry(error) => error.chain(),
            other => with_causes(other),
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
