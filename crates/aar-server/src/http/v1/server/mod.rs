//! The registry itself, for all callers.

pub(in crate::http) mod info;
pub(in crate::http) mod openapi;
pub(in crate::http) mod status;
pub(in crate::http) mod versions;
