//! What is said to AMS: the bodies of its HTTP API, and a client that speaks it.
//!
//! One file holds the bodies of one resource. Names in JSON are those of the published definition,
//! which mixes `snake_case` and `kebab-case`. Bodies are read leniently: what a peer does not send
//! takes its default, what it sends beyond that is ignored.

#![deny(missing_docs)]

mod application;
mod certificate;
mod client;
mod config;
mod error;
mod event;
mod filter;
mod operation;
mod patch;
mod registry;
mod service;

pub mod config_items;
pub mod extensions;
pub mod headers;
pub mod refusals;

pub use application::{
    Application, ApplicationAddon, ApplicationDelete, ApplicationStatus, ApplicationVersion,
    ApplicationVersionDelete, ApplicationVersionPatch, ApplicationsDelete, VersionStatus,
};
pub use certificate::{Certificate, CertificatesPost, TooFewDigits};
pub use client::{AmsClient, Endpoint, EventStream, Export, Exported, Package, Watch};
pub use config::{ConfigPost, ServiceConfig};
pub use error::Error;
pub use event::{Event, EventAuth, EventKind, EventSelection, LifecycleEvent};
pub use filter::{ApplicationFilter, ListQuery};
pub use operation::{Operation, OperationClass, StatusCode};
pub use patch::{ApplicationPatch, ResourcesPatch};
pub use registry::{
    ApplicationSync, Conflict, HeldRemovals, RegistryApplication, RegistryApplicationVersion,
    RegistryStatus, Round, RoundCounts, RoundFailure, RoundOutcome, SyncPost, Transfer,
    TransferDirection,
};
pub use service::{ServiceStatus, VersionResponse};
