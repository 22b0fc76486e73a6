//! The service itself, for all callers.

pub(in crate::http) mod status;
pub(in crate::http) mod version;
pub(in crate::http) mod versions;
