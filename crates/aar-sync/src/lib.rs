//! How to stay in step with a registry.
//!
//! An [`Agent`] looks at what a registry has and at what is here ([`LocalCatalogue`]), compares the
//! two in a pure function ([`plan_pull`], [`plan_push`]), and takes the steps that follow. It keeps
//! no journal of what it has done: whatever was cut off, wherever, is found missing at the next look
//! and done then.
//!
//! The rules, all of them kept here:
//!
//! - Nothing is removed on doubt: see [`HeldReason`].
//! - Images arrive before anything makes way for them. What is withdrawn is withdrawn, but not while
//!   its successor is on its way and nothing else could be used.
//! - The failure of one application stops no other. Whatever the registry answers, or if it does
//!   not, the agent goes on, and [`AgentStatus`] says what is wrong.
//! - One round runs at a time. A second request joins it; a change makes it look again.

mod agent;
mod apply;
mod board;
mod brake;
mod conclude;
mod error;
mod feed;
mod local;
mod plan;
mod round;
mod running;
mod schedule;
mod site;
mod standing;
mod status;
mod survey;
mod totals;
mod transfers;

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
pub use totals::{Rounds, Totals};
