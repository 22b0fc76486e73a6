//! The HTTP side: routes, who may call them, and how requests and answers are written.
//!
//! A request goes four hops: a line of [`mod@router`], a handler in [`v1`], a function of the
//! registry,
//! a query of its metadata. Handlers translate and nothing else.

mod catalogue;
mod completion;
mod conditions;
mod errors;
mod identity;
mod parameters;
mod report;
mod router;
mod tus;
mod v1;

pub(crate) use identity::App;
pub(crate) use router::{openapi, router};
