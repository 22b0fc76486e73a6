//! Applications, certificates and configuration through the public interface of AMS, with a real
//! database, packages and images.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod applications;
mod configuration;
mod crash;
mod delete;
mod examples;
mod operations;
mod partial_updates;
mod publish;
mod registry;
mod support;
mod trust;
