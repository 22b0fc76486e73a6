//! Versions of an application, by their numbers.

pub(in crate::http) mod delete;
pub(in crate::http) mod export;
pub(in crate::http) mod manifest;
pub(in crate::http) mod publish;
