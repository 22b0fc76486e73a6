//! Version 1.0 of the API: a folder for each resource, a file for each verb.

pub(super) mod applications;
pub(super) mod changes;
pub(super) mod fleet;
pub(super) mod server;
pub(super) mod uploads;
pub(super) mod versions;
