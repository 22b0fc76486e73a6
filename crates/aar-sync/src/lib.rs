//! Keeps the applications of an AMS in sync with a registry.
//!
//! An [`Agent`] is a controller. In each round it observes the registry and the local catalogue
//! ([`LocalCatalogue`]), compares desired and actual state in a pure function (`plan`), and applies
//! the steps that follow. In pull mode the registry is the desired state and the local catalogue the
//! actual state; in push mode it is the other way around. The agent keeps no journal: an interrupted
//! step is missing at the next observation and is planned again.
//!
//! These rules hold for every round:
//!
//! - Nothing is removed while there is doubt: see [`HoldReason`].
//! - Imports precede removals. A withdrawal waits for its successor if nothing else is usable.
//! - A failed application does not block the others. No response of the registry ends the agent;
//!   [`AgentStatus`] says what is wrong.
//! - One round runs at a time. A second request joins it, and a change makes it observe again. It
//!   ends early when no requester and no trigger of the agent needs it any more.

mod agent;
mod apply;
mod config;
mod context;
mod error;
mod held;
mod local_catalogue;
mod plan;
mod reconcile;
mod round;
mod schedule;
mod status;
mod sync_state;

pub use agent::Agent;
pub use config::{AgentConfig, RegistryConfig, SyncDirection, SyncMode};
pub use error::RoundRefused;
pub use held::{HeldRemovals, HoldReason};
pub use local_catalogue::{
    KnownRegistry, LocalApplication, LocalCatalogue, LocalError, LocalVersion, Origin,
};
pub use plan::Conflict;
pub use round::{Counts, RoundOutcome, RoundReport, RoundsByOutcome, StepFailure, Totals};
pub use status::{
    AgentStatus, ApplicationState, FeedState, ObservedRegistry, SyncState, TransferStatus,
};
