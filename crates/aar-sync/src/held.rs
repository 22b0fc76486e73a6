//! Removals that are held until an operator confirms them.

use std::{
    fmt,
    future::{Future, poll_fn},
    task::Poll,
};

use aar_types::{ApplicationName, RegistryId, Revision};
use serde::{Deserialize, Serialize};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Removals that are not applied. Clients store them, so the serialised names are fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRemovals {
    pub reason: HoldReason,
    /// The applications that would lose something, by name.
    pub applications: Vec<ApplicationName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum HoldReason {
    /// The imported applications came from the `known` registry, not from the `shown` one.
    OtherRegistry {
        known: RegistryId,
        shown: RegistryId,
    },
    /// The revision is older than the last one.
    OlderCatalogue { known: Revision, shown: Revision },
    /// Too many of the imported applications would be removed in one round.
    TooMany { removals: usize, imported: usize },
}

impl fmt::Display for HeldRemovals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "removal held: {}; `amc registry pull --confirm-removals` confirms it once",
            self.reason
        )
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherRegistry { known, shown } => write!(
                f,
                "the imported applications came from the registry {known}, but the configured \
                 registry is {shown}"
            ),
            Self::OlderCatalogue { known, shown } => write!(
                f,
                "the catalogue of the registry is at revision {shown}, older than the last \
                 revision {known}"
            ),
            Self::TooMany { removals, imported } => write!(
                f,
                "{removals} of {imported} imported applications would be removed at once"
            ),
        }
    }
}

/// Held removals that an operator has confirmed. It holds until the requester drops its guard.
#[derive(Debug, Clone)]
pub(crate) struct Confirmation {
    pub(crate) held: HeldRemovals,
    withdrawn: CancellationToken,
}

impl Confirmation {
    pub(crate) fn new(held: HeldRemovals) -> (Self, DropGuard) {
        let withdrawn = CancellationToken::new();
        let guard = withdrawn.clone().drop_guard();
        (Self { held, withdrawn }, guard)
    }

    pub(crate) fn is_valid(&self) -> bool {
        !self.withdrawn.is_cancelled()
    }
}

/// Waits until one of the confirmations is withdrawn.
pub(crate) async fn withdrawn(confirmations: &[Confirmation]) {
    let all = confirmations.iter();
    let mut all: Vec<_> = all.map(|it| Box::pin(it.withdrawn.cancelled())).collect();
    poll_fn(|context| {
        let mut all = all.iter_mut();
        if all.any(|one| one.as_mut().poll(context).is_ready()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
