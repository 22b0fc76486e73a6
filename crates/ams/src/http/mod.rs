//! The HTTP API of AMS, on HTTPS and on the unix socket.
//!
//! `router.rs` is the table of routes; `v1/<resource>/<verb>.rs` holds what each does. The
//! way of a request: the limit of requests per second (HTTPS only), the id under which it is
//! logged, the door (`auth`), the handler. Whatever goes wrong comes back as one error type and
//! is written and logged in one place.

mod auth;
mod body;
mod download;
mod enrolment;
mod envelope;
mod error;
mod etag;
mod event_token;
mod json;
mod listing;
mod manifest;
mod metrics;
mod rate;
mod router;
mod serve;
mod unread;
mod upload;
mod v1;

pub use metrics::MetricsListener;
pub use router::ROUTES;
pub use serve::Server;
