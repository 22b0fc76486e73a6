//! The HTTP API of AMS as its clients meet it: over real TLS and a real unix socket, with a real
//! database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod applications;
mod cancelling;
mod conformance;
mod enrolment;
mod errors;
mod events;
mod introduced;
mod metrics;
mod program;
mod proxies;
mod running;
mod sdk;
