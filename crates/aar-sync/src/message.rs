//! What the task behind an agent is told, and what it answers.

use aar_types::ApplicationName;
use tokio::sync::oneshot;

use crate::{Configuration, RoundReport, assignment::Assignment, confirmation::Confirmation};

/// What the task is told.
#[derive(Debug)]
pub(crate) enum Message {
    SyncNow {
        confirmed: Option<Confirmation>,
        reply: Reply,
    },
    Run {
        assignment: Assignment,
        reply: Reply,
    },
    Configure(Configuration),
    LocalChanged,
    DeletedThere(ApplicationName),
    Stop(oneshot::Sender<()>),
}

/// Where the outcome of a round goes that was asked for.
pub(crate) type Reply = oneshot::Sender<Result<RoundReport, RoundRefused>>;

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
    /// The configuration changed before it was its turn.
    #[error("the configuration of the registry changed meanwhile; ask again")]
    Reconfigured,
    /// The agent has ended.
    #[error("the agent has stopped")]
    Stopped,
}
