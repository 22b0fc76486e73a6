//! What has changed.

pub(in crate::http) mod list;
