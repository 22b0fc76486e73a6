//! The catalogue.

pub(in crate::http) mod list;
pub(in crate::http) mod put;
pub(in crate::http) mod remove;
pub(in crate::http) mod show;
