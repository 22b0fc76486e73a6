//! The program `aar`: HTTP API, configuration, service and command line of the registry.
//!
//! - [`config`]: the configuration file, which is valid as a whole or refused;
//! - `http`: routes, requests and responses; `aar-registry` decides what is allowed and does it;
//! - `operations`: metrics and probes, on a listener of their own;
//! - [`service`]: start, drain and stop; it carries changes of trust to open connections;
//! - [`cli`]: one file for each command.

pub mod cli;
pub mod config;
mod http;
mod new_trust;
mod operations;
pub mod service;

/// The OpenAPI document, as in the response to `GET /1.0/openapi.json`.
pub fn openapi_json() -> String {
    let mut text = http::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
