//! The HTTP API: routes, authorisation, requests and responses.
//!
//! A request takes four steps: a row in [`mod@router`], a handler in [`v1`], a method of the registry, a
//! query of its metadata. Handlers only translate.

mod auth;
mod cached;
mod catalogue;
mod detached;
mod error;
#[cfg(test)]
mod fuzz;
mod parameters;
mod report;
mod router;
mod tus;
mod v1;

pub(crate) use auth::AppState;
pub(crate) use cached::Cached;
pub(crate) use router::{openapi, router};
