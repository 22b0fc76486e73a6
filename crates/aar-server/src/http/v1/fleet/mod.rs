pub(in crate::http) mod application;
pub(in crate::http) mod list;
pub(in crate::http) mod report;
pub(in crate::http) mod show;
