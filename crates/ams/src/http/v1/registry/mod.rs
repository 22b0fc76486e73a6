//! The registry and the synchronisation with it.

pub(in crate::http) mod delete;
pub(in crate::http) mod list;
pub(in crate::http) mod pull;
pub(in crate::http) mod push;
pub(in crate::http) mod status;
pub(in crate::http) mod sync;
pub(in crate::http) mod unnamed;
