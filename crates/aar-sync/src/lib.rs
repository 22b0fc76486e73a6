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
//! - One round runs at a time. A second request joins it; a change makes it look again. It ends early
//!   when nobody has a reason for it any more.

mod apply;
mod assignment;
mod board;
mod brake;
mod conclude;
mod config;
mod confirmation;
mod error;
mod feed;
mod handle;
mod held;
mod local;
mod message;
mod outlook;
mod plan;
mod post;
mod round;
mod running;
mod site;
mod standing;
mod status;
mod survey;
mod tally;
mod totals;
mod transfers;
mod worker;

pub use config::{AgentConfig, Configuration};
pub use handle::{Agent, AgentHandle};
pub use held::{Held, HeldReason};
pub use local::{
    KnownRegistry, LocalApplication, LocalCatalogue, LocalError, LocalVersion, Origin,
};
pub use message::RoundRefused;
pub use plan::{
    Conflict,
    pull::{PullAction, PullPlan, PullPolicy, plan_pull},
    push::{PushAction, PushPlan, plan_push},
};
pub use status::{
    AgentStatus, ApplicationState, ApplicationStatus, Counts, Direction, Failure, FeedState, Mode,
    Outcome, RoundReport, SeenRegistry, TransferStatus,
};
pub use totals::{Rounds, Totals};
