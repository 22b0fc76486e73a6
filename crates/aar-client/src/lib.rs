//! A client of the registry: typed calls, and transfers that resume.
//!
//! - The registry is identified by the fingerprint of its certificate only. Content to which the
//!   registry redirects is fetched by a second HTTP client without credentials.
//! - An unexpected response is an error, never an empty result: a [`Listing`] is complete and of
//!   one revision.
//! - A lost connection costs the bytes in flight. An upload continues at the offset that the
//!   registry reports, a download with what its partial file has, also after a restart of either
//!   side.
//! - A download is complete when its size and digest are verified and it is synced to the disk.
//! - A download uses as many requests for ranges at once as make it faster. Those of all downloads
//!   together are limited, and shared fairly.
//! - A transfer holds a few MiB in memory at most. Receiving, hashing and writing overlap.
//! - Transient errors are retried with exponential back-off and jitter. All calls are idempotent.

#![deny(missing_docs)]

mod catalogue;
mod changes;
mod client;
mod clock_skew;
mod download;
mod error;
mod fleet;
mod info;
mod json_limits;
pub mod limits;
mod options;
mod publish;
mod response;
mod stream_budget;
mod transfer;
mod upload;

pub use aar_http::ProxySettings;
pub use catalogue::{ListFilter, Listing};
pub use changes::ChangesResponse;
pub use client::RegistryClient;
pub use error::Error;
pub use options::{ClientOptions, Timeouts};
pub use publish::PutOutcome;
pub use transfer::{Transfer, TransferProgress};
pub use upload::UploadUrlStore;
