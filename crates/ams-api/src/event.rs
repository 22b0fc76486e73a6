use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Operation;

/// A message of the events websocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The kind of the event.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The details, which depend on the kind.
    #[serde(default)]
    pub metadata: Value,
}

impl Event {
    /// The operation that changed, if the event is about one.
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
    /// A resource was created, changed or deleted; the metadata is a [`LifecycleEvent`].
    Lifecycle,
    /// A kind that this release does not know.
    #[serde(other)]
    Unknown,
}

/// The creation, change or deletion of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleEvent {
    /// The action, such as `application-created`.
    pub action: String,
    /// The path of the resource.
    pub source: String,
}

/// The events to subscribe to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventSelection {
    /// Every event.
    #[default]
    All,
    /// Changes of operations.
    Operation,
    /// Creation, change and deletion of resources.
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
}

/// A short-lived token that opens the events websocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventAuth {
    /// The token.
    pub token: String,
}
