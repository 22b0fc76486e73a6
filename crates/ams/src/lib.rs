//! The application half of the management service: applications, versions and images, trust store,
//! configuration, operations and events, their HTTP API, and the agent that synchronises them with
//! a registry.
//!
//! [`Ams`] combines the modules. A module uses only modules in the rows below its row:
//!
//! | modules | contain |
//! |---|---|
//! | [`http`] | the HTTP API and the metrics listener |
//! | `ams` | [`Ams`]: opens and closes everything |
//! | [`registry`] | the registry agent, and how it changes applications |
//! | [`applications`] | how users change applications |
//! | `services` | the parts that applications and the agent share |
//! | `images`, [`config`], [`trust`], [`operations`], `arrivals` | image files, configuration items, trusted certificates, work in the background, how fast versions arrive |
//! | `store`, [`events`], [`staging`], [`settings`], [`socket_group`], `identity` | the database with the permits to change applications, events, uploads, the settings file, the group of the local socket, the client certificate |
//! | `error` | [`Error`] |

mod ams;
mod arrivals;
#[cfg(test)]
mod bounds;
mod error;
mod images;
mod keyed_lock;
mod services;
mod store;

pub mod applications;
pub mod config;
pub mod events;
pub mod http;
pub mod identity;
pub mod operations;
pub mod registry;
pub mod settings;
pub mod socket_group;
pub mod staging;
pub mod trust;

pub use ams::Ams;
pub use error::Error;
pub use settings::Settings;
