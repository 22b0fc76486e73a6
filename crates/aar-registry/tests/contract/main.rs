//! The guarantees of the registry, on every back end.
//!
//! A test is written once, over a [`Fixture`](backend::Fixture), and runs on each line of the list
//! in `backend.rs`. The invariants of the architecture appear in the names of the tests that hold
//! them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on is one that fails"
)]

mod audit;
mod authorise;
mod backend;
mod bucket;
mod catalogue;
mod changes;
mod clock;
mod collector;
mod fetch;
mod fleet;
mod full_disk;
mod image_check;
mod migrate;
mod open;
mod operator;
mod outbox;
mod publish;
mod rebuild;
mod remove;
mod retention;
mod transactions;
mod trust;
mod upload;
mod verify;
