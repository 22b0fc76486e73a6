use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Operation;

/// Something that happened in AMS, as the events websocket tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What kind of thing.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When.
    pub timestamp: Timestamp,
    /// The thing itself.
    #[serde(default)]
    pub metadata: Value,
}

impl Event {
    /// The operation that changed, where this tells of one.
    pub fn operation(&self) -> Option<Operation> {
        match self.kind {
            EventKind::Operation => Operation::deserialize(&self.metadata).ok(),
            EventKind::Lifecycle | EventKind::Unknown => None,
        }
    }
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// An operation changed; the metadata is an [`Operation`].
    Operation,
    /// Something came to be or went away; the metadata is a [`LifecycleEvent`].
    Lifecycle,
    /// Something that a newer server tells.
    #[serde(other)]
    Unknown,
}

/// Something came to be or went away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleEvent {
    /// What happened, such as `application-created`.
    pub action: String,
    /// The address of what it happened to.
    pub source: String,
}

/// Which events to listen to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventSelection {
    /// Every event.
    #[default]
    All,
    /// Changes of operations.
    Operation,
    /// What comes and goes.
    Lifecycle,
}

impl EventSelection {
    /// The name in the query.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Operation => "operation",
            Self::Lifecycle => "lifecycle",
        }
    }

    /// Whether it takes an event of this kind in.
    pub fn takes(self, kind: EventKind) -> bool {
        match self {
            Self::All => true,
            Self::Operation => kind == EventKind::Operation,
            Self::Lifecycle => kind == EventKind::Lifecycle,
        }
    }
}

/// A token with which the events websocket can be opened for a short while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventAuth {
    /// The token.
    pub token: String,
}
