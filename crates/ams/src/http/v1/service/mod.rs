//! The service itself: what it is and what it can do. Everybody may know.

pub(in crate::http) mod status;
pub(in crate::http) mod version;
pub(in crate::http) mod versions;
