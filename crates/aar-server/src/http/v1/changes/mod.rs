//! The change feed.

pub(in crate::http) mod list;
