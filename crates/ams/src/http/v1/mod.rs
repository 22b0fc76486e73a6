//! Version 1.0 of the API: a folder for each resource, a file for each verb.

pub(super) mod applications;
pub(super) mod certificates;
pub(super) mod config;
pub(super) mod events;
pub(super) mod operations;
pub(super) mod registry;
pub(super) mod service;
pub(super) mod versions;
