//! The agent between a registry over real TLS and a local catalogue in memory.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something does not work"
)]

mod application_state;
mod cancelling;
mod convergence;
mod interleavings;
mod pull;
mod push;
mod real_registry;
mod removal;
mod schedule;
mod support;
