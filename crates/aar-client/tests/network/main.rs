//! The client over real TLS, with a registry of a few lines at the other end whose answers, and
//! whose accidents, each test writes down.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something does not work"
)]

mod calls;
mod download;
mod support;
mod upload;
