//! Versions of an application, and their images.

pub(in crate::http) mod image;
pub(in crate::http) mod patch;
pub(in crate::http) mod put;
pub(in crate::http) mod remove;
pub(in crate::http) mod show;
