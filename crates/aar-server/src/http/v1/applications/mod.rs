//! The catalogue.

pub(in crate::http) mod list;
pub(in crate::http) mod put;
pub(in crate::http) mod remove;
pub(in crate::http) mod show;

use serde::Serialize;
use utoipa::ToSchema;

/// The result of a change.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ChangeResult {
    /// Whether anything has changed.
    pub(in crate::http) changed: bool,
}

/// The result of a deletion.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DeletionResult {
    /// The number of deleted versions.
    pub(in crate::http) versions: usize,
}
