//! The HTTP API of AMS, on HTTPS and on the Unix socket.
//!
//! `router.rs` is the table of routes and names the middleware in order; `v1/<resource>/<verb>.rs` holds
//! the handlers. Authorisation is in `auth`. All errors become one type, which `error.rs` writes and logs.

mod auth;
pub(crate) mod body;
mod caller_id;
pub(crate) mod enrolment;
mod envelope;
mod error;
mod event_token;
mod manifest;
mod metrics;
mod page_query;
mod refusal;
mod router;
mod serve;
mod state_tag;
mod upload;
mod v1;

pub use metrics::MetricsListener;
pub use router::ROUTES;
pub use serve::Server;
