//! The agent between a registry over real TLS and a catalogue that keeps what it is told.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something does not work"
)]

mod cancelling;
mod convergence;
mod pull;
mod push;
mod real;
mod removal;
mod schedule;
mod standing;
mod support;
