//! The HTTP API of AMS, over real TLS and a real Unix socket, with a real database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod applications;
mod cancelling;
mod conformance;
mod connected;
mod enrolment;
mod errors;
mod events;
mod metrics;
mod program;
mod proxies;
mod running_ams;
mod sdk;
