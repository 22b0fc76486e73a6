//! The HTTP API, over real TLS, on a real server in this process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod catalogue;
mod changes;
mod content;
mod document;
mod errors;
mod fleet;
mod foreign_text;
mod images;
mod lifecycle;
mod openapi;
mod personas;
mod status;
mod trust;
mod uploads;
