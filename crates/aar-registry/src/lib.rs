//! The functions of the registry: publish, fetch, list, remove, trust and maintenance.
//!
//! [`Registry`] is the entry point. One module is one feature; below them, `metadata` holds all SQL and
//! `storage` all access to folder or bucket. This crate does not know HTTP, and no other crate uses
//! `metadata` or `storage`. The order of the modules is in `ARCHITECTURE.md`.
//!
//! # Rights
//!
//! The functions belong to handles: [`Reader`], [`Publisher`] and [`Operator`]. Only `authorise.rs` creates
//! handles, so a handle proves that its holder is authorised.
//!
//! # Order
//!
//! One transaction holds state, revision, change and audit entry, and the descriptors to deliver in the
//! outbox. The descriptors are delivered after the commit, and the change is acknowledged after that. A blob
//! is stored before the row that refers to it, and deleted after it.

mod access;
mod actor;
mod application;
mod audit;
mod authorise;
mod bucket_problem;
mod changes;
mod descriptor;
mod error;
mod exposition;
mod fetch;
mod fingerprint;
mod fleet;
mod folder;
mod gc;
mod image_check;
mod keys;
mod last_refresh;
mod lease;
mod list;
mod metadata;
mod metrics;
mod migrate;
mod mutation;
mod open;
mod options;
mod outbox;
mod postgres_problem;
mod publish;
mod rebuild;
mod refresh;
mod refusals;
mod registry;
mod remove;
mod report_pace;
mod retention;
mod s3_options;
mod secret;
mod status;
mod storage;
mod tasks;
mod times;
mod trust;
mod upload;
mod upload_lock;
mod verify;
mod withdraw;

pub use access::{Refusal, TrustTable};
pub use authorise::{Caller, Operator, Publisher, Reader};
pub use bucket_problem::{BucketProblem, CloudFrontProblem, KeyOrigin};
pub use error::Error;
pub use fetch::Fetch;
pub use gc::{GcItem, GcPlan, GcReport, GcSpared};
pub use keys::UploadId;
pub use list::{ListQuery, Page};
pub use metadata::{AuditEntry, AuditQuery, Outcome, TrustImport, TrustedCertificate};
pub use migrate::MigrationReport;
pub use options::{
    DatabaseOptions, InvalidDatabaseUrl, Options, PostgresOptions, StorageOptions, UploadLimits,
};
pub use postgres_problem::PostgresProblem;
pub use publish::Published;
pub use rebuild::{Losses, RebuildReport};
pub use refresh::Commits;
pub use registry::Registry;
pub use s3_options::{CloudFrontOptions, Encryption, S3Credentials, S3Options};
pub use secret::Secret;
pub use status::Status;
pub use storage::{Content, ReadImage};
pub use trust::{NewTrust, TrustAdded, TrustRecords, Withdrawal};
pub use upload::{Upload, UploadNew};
pub use verify::{VerifyOptions, VerifyReport};
