//! The application half of the management service: applications, versions and images, trust store,
//! configuration, operations and events, the HTTP API over them, and the agent that keeps them in
//! step with a registry.
//!
//! [`Ams`] is all of it. Below it each module is one part:
//!
//! - [`settings`]: what is decided before the start; [`config`]: what can change while it runs.
//! - [`applications`]: what people do with applications. Who may change what is decided in one
//!   place, `applications/guard.rs`, below every API.
//! - [`registry`]: the agent, and the door through which the registry changes applications.
//! - [`trust`]: whose certificates are accepted.
//! - [`operations`] and [`events`]: what goes on in the background, and who is told.
//! - [`staging`]: uploads until they are complete. Images and the database are private.
//! - [`http`]: how all that is served.

mod ams;
mod arrivals;
mod error;
mod foundation;
mod histogram;
mod identity;
mod images;
mod store;

pub mod applications;
pub mod config;
pub mod events;
pub mod http;
pub mod operations;
pub mod registry;
pub mod settings;
pub mod staging;
pub mod trust;

pub use ams::Ams;
pub use error::{Error, chain};
pub use settings::Settings;
