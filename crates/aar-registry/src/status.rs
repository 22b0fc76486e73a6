use aar_types::{RegistryId, Revision, ServerStatus};
use serde::Serialize;

use crate::{Error, Operator, Registry};

/// What a registry holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its identity.
    pub registry_id: RegistryId,
    /// The present revision.
    pub revision: Revision,
    /// How many applications there are.
    pub applications: u64,
    /// How many versions there are.
    pub versions: u64,
    /// How many blobs are stored.
    pub blobs: u64,
    /// How many bytes they take.
    pub blob_bytes: u64,
    /// How many bytes of them no version refers to.
    pub unreferenced_bytes: u64,
    /// How many uploads are open.
    pub uploads: u64,
    /// How many bytes of them have come.
    pub staged_bytes: u64,
    /// How many bytes the storage has left, where it is known.
    pub free_bytes: Option<u64>,
    /// How many certificates are trusted.
    pub trusted: u64,
    /// How many certificates are revoked.
    pub revoked: u64,
}

impl Registry {
    /// Whether database and storage can be used. It never fails: what fails is in the answer.
    pub async fn health(&self) -> ServerStatus {
        todo!()
    }
}

impl Operator {
    /// What the registry holds.
    pub async fn status(&self) -> Result<Status, Error> {
        todo!()
    }
}
