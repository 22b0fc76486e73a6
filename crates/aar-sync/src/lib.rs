//! How to stay in step with a registry.

mod brake;
mod local;
mod plan;
mod schedule;
mod status;

pub use brake::{Held, HeldReason};
pub use local::{
    KnownRegistry, LocalApplication, LocalCatalogue, LocalError, LocalVersion, Origin,
};
pub use plan::{
    Conflict,
    pull::{PullAction, PullPlan, PullPolicy, plan_pull},
    push::{PushAction, PushPlan, plan_push},
};
pub use schedule::{Agent, AgentConfig, AgentHandle, Configuration, RoundRefused};
pub use status::{
    AgentStatus, ApplicationState, ApplicationStatus, Counts, Direction, Failure, FeedState, Mode,
    Outcome, RoundReport, TransferStatus,
};
