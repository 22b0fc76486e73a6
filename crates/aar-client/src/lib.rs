//! How to talk to a registry: typed calls, and transfers that go on where they stopped.
//!
//! The rules, all of them kept here:
//!
//! - The registry is known by the fingerprint of its certificate and by nothing else. Content that
//!   lies elsewhere is fetched by a second client that has no credentials to show.
//! - An answer that is not what was asked for is an error, never an empty success: a
//!   [`Listing`] is complete and of one revision, or there is none.
//! - A drop of the connection costs what was in flight. Uploads ask the registry for their offset,
//!   downloads go on at the end of their partial file, also after a restart of either side.
//! - Nothing counts as downloaded before its size and digest are verified and it is on the disk.
//! - No transfer holds more than a few MiB in memory; receiving, hashing and writing overlap.
//! - Failures that pass are retried with back-off and jitter, and only calls that can be repeated
//!   without harm exist.

#![deny(missing_docs)]

mod answer;
mod catalogue;
mod changes;
mod client;
mod download;
mod error;
mod info;
mod partial;
mod pieces;
mod publish;
mod retry;
mod skew;
mod transfer;
mod upload;

pub use catalogue::{ListFilter, Listing};
pub use changes::ChangesAnswer;
pub use client::{ClientOptions, RegistryClient, Timeouts};
pub use error::Error;
pub use publish::Published;
pub use retry::{Backoff, Jitter, RetryPolicy};
pub use transfer::{Transfer, TransferProgress};
pub use upload::UploadMemory;
