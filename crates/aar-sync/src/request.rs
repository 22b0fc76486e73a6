//! Requests to the task of an agent.

use aar_types::ApplicationName;
use tokio::sync::oneshot;

use crate::{
    config::{RegistryConfig, SyncDirection},
    error::RoundRefused,
    held::Confirmation,
    report::RoundReport,
};

#[derive(Debug)]
pub(crate) enum AgentMessage {
    SyncNow {
        confirmation: Option<Confirmation>,
        reply: ReplySender,
    },
    SyncOne {
        scope: Scope,
        reply: ReplySender,
    },
    Configure(RegistryConfig),
    LocalChanged,
    DeletedInRegistry(ApplicationName),
    Stop(oneshot::Sender<()>),
}

pub(crate) type ReplySender = oneshot::Sender<Result<RoundReport, RoundRefused>>;

pub(crate) fn reply(sender: ReplySender, result: Result<RoundReport, RoundRefused>) {
    // The requester may have cancelled.
    let _ = sender.send(result);
}

/// The applications and the direction of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) direction: SyncDirection,
    /// `None` for a full round, which covers all applications.
    pub(crate) application: Option<ApplicationName>,
}

impl Scope {
    pub(crate) fn is_full(&self) -> bool {
        self.application.is_none()
    }
}

/// The wake-ups that a round has received so far. Each makes it observe the registry again.
#[derive(Debug, Clone, Default)]
pub(crate) struct WakeUps {
    pub(crate) count: u64,
    pub(crate) confirmations: Vec<Confirmation>,
    /// Whether all came from the change feed, which says what has changed.
    pub(crate) only_by_feed: bool,
}

impl WakeUps {
    pub(crate) fn by_request(confirmations: Vec<Confirmation>) -> Self {
        Self {
            confirmations,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.count += 1;
        self.confirmations.extend(more.confirmations);
        self.only_by_feed &= more.only_by_feed;
    }
}
