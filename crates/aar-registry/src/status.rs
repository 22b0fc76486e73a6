//! What the registry holds, and whether it can work.

use aar_types::{RegistryId, Revision, ServerStatus, TrustState};
use serde::Serialize;

use crate::{Error, Operator, Registry, metadata::CatalogueFilter, open::storage_owner};

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

/// Whoever asks for the health wants to know it now.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

impl Registry {
    /// Whether database and storage can be used. It never fails: what fails is in the answer, and
    /// in the log with its cause.
    pub async fn health(&self) -> ServerStatus {
        let mut problems = Vec::new();
        if let Err(error) = self.check_database().await {
            problems.push(problem("the database cannot be used", &error));
        }
        let storage = self.storage();
        match tokio::time::timeout(PATIENCE, storage_owner(&storage)).await {
            Ok(Ok(Some(mark))) if mark.id == *self.id() && mark.storage == self.storage_name() => {}
            Ok(Ok(_)) => problems.push("the storage is not the one of this registry".to_owned()),
            Ok(Err(error)) => problems.push(problem("the storage cannot be used", &error)),
            Err(_) => problems.push("the storage does not answer in time".to_owned()),
        }
        match self.storage().free_bytes().await {
            Ok(Some(0)) => problems.push("the storage is full".to_owned()),
            Ok(_) => {}
            Err(error) => problems.push(problem("the storage does not say what is free", &error)),
        }
        ServerStatus {
            healthy: problems.is_empty(),
            problems,
            revision: self.revision(),
        }
    }

    async fn check_database(&self) -> Result<(), Error> {
        let mut tx = self.metadata().read().await?;
        tx.revision().await?;
        match tx.storage().await? {
            Some(storage) if storage == self.storage_name() => Ok(()),
            _ => Err(Error::StorageMoved),
        }
    }
}

fn problem(sentence: &str, error: &Error) -> String {
    let cause: &dyn std::error::Error = error;
    tracing::error!(error = cause, "{sentence}");
    sentence.to_owned()
}

impl Operator {
    /// What the registry holds.
    pub async fn status(&self) -> Result<Status, Error> {
        let registry = &self.registry;
        let free_bytes = registry.storage().free_bytes().await?;
        let mut tx = registry.metadata().read().await?;
        let revision = tx.revision().await?;
        let blobs = tx.blob_totals().await?;
        let uploads = tx.upload_totals().await?;
        let certificates = tx.certificates().await?;
        let trusted = certificates
            .iter()
            .filter(|row| row.certificate.state == TrustState::Trusted)
            .count();
        Ok(Status {
            registry_id: registry.id().clone(),
            revision,
            applications: tx.count_applications(CatalogueFilter::default()).await?,
            versions: tx.count_versions().await?,
            blobs: blobs.count,
            blob_bytes: blobs.bytes,
            unreferenced_bytes: blobs.unreferenced_bytes,
            uploads: uploads.count,
            staged_bytes: uploads.staged,
            free_bytes,
            trusted: trusted as u64,
            revoked: (certificates.len() - trusted) as u64,
        })
    }
}
