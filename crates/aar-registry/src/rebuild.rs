use aar_types::{RegistryId, Revision};
use serde::Serialize;

use crate::{Error, Options, Registry};

/// What a rebuild has brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RebuildReport {
    /// The registry that it is again.
    pub registry_id: RegistryId,
    /// The revision it continues at.
    pub revision: Revision,
    /// How many variants of applications there are.
    pub applications: u64,
    /// How many versions there are.
    pub versions: u64,
    /// How many certificates are trusted.
    pub trusted: u64,
    /// How many certificates are revoked.
    pub revoked: u64,
    /// What could not be brought back, a sentence each.
    pub skipped: Vec<String>,
}

impl Registry {
    /// Fills an empty database from the storage alone.
    pub async fn rebuild(options: Options, operator: &str) -> Result<RebuildReport, Error> {
        let _ = (options, operator);
        todo!()
    }
}
