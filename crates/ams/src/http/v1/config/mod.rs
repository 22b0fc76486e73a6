//! The configuration items.

pub(in crate::http) mod get;
pub(in crate::http) mod set;
