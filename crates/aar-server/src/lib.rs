//! How the registry is served: its HTTP API, its configuration, its life as a service, and the
//! command line of the program `aar`.
//!
//! - [`config`]: the configuration file, refused as a whole where a part of it is not understood;
//! - `http`: routes, who may call them, and how answers are written; what is done and whether it
//!   is allowed is decided in `aar-registry`;
//! - [`service`]: start, drain and stop; changes of trust reach open connections here;
//! - [`cli`]: a file for each command.

mod causes;
pub mod cli;
pub mod config;
mod http;
pub mod service;

/// The OpenAPI document of the API, as `GET /1.0/openapi.json` answers it.
pub fn openapi_json() -> String {
    let mut text = http::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
