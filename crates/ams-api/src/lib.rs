//! The HTTP API of AMS: its request and response bodies, and a client.
//!
//! One file holds the bodies of one resource. Names in JSON are those of the published definition,
//! which mixes `snake_case` and `kebab-case`. Bodies are read leniently: a missing field takes its
//! default, an unknown field is ignored.

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
pub mod error_codes;
pub mod extensions;
pub mod headers;

pub use application::{
    Application, ApplicationAddon, ApplicationDelete, ApplicationStatus, ApplicationVersion,
    ApplicationVersionDelete, ApplicationVersionPatch, ApplicationsDelete, VersionStatus,
};
pub use certificate::{Certificate, CertificatesPost, FingerprintPrefixTooShort};
pub use client::{AmsClient, Endpoint, EventStream, Export, Exported, PackageBody, Watch};
pub use config::{ConfigPost, ServiceConfig};
pub use error::Error;
pub use event::{Event, EventAuth, EventKind, EventSelection, LifecycleEvent};
pub use filter::ApplicationFilter;
pub use operation::{Operation, OperationClass, StatusCode};
pub use patch::{ApplicationPatch, ResourcesPatch};
pub use registry::{
    ApplicationSync, Conflict, HeldRemovals, RegistryApplication, RegistryApplicationVersion,
    RegistryStatus, Round, RoundCounts, RoundFailure, RoundOutcome, SyncPost, Transfer,
    TransferDirection,
};
pub use service::{ServiceStatus, VersionResponse};
