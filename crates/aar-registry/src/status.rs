//! Content and health of the registry.

use std::{io, path::Path, time::Duration};

use aar_types::{RegistryId, Revision, ServerStatus, TrustState};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    DatabaseOptions, Error, Operator, Registry, metadata::CatalogueFilter, open::storage_owner,
    tasks::blocking,
};

/// The content of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    pub registry_id: RegistryId,
    pub revision: Revision,
    pub applications: u64,
    pub versions: u64,
    pub blobs: u64,
    pub blob_bytes: u64,
    pub unreferenced_bytes: u64,
    /// The number of open uploads.
    pub uploads: u64,
    /// The number of staged bytes of open uploads.
    pub staged_bytes: u64,
    /// The free space of the storage, in bytes, if it is known.
    pub free_bytes: Option<u64>,
    pub trusted: u64,
    pub revoked: u64,
}

/// The time limit of storage for a health check.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

impl Registry {
    /// Checks whether database and storage are usable. The response has the failures; the log also has their
    /// causes.
    pub async fn health(&self) -> ServerStatus {
        let mut problems = Vec::new();
        if let Err(error) = self.check_database().await {
            problems.push(problem("the database cannot be used", &error));
        }
        let storage = self.storage();
        match timeout(HEALTH_TIMEOUT, storage_owner(&storage)).await {
            Ok(Ok(Some(mark))) if mark.id == *self.id() && mark.storage == self.storage_name() => {}
            Ok(Ok(_)) => problems.push("the storage is not the one of this registry".to_owned()),
            Ok(Err(error)) => problems.push(problem("the storage cannot be used", &error)),
            Err(_) => problems.push("the storage does not answer in time".to_owned()),
        }
        if let Err(error) = self.check_database_is_writable().await {
            problems.push(problem(
                &format!("the database {}", obstacle(&error)),
                &error,
            ));
        }
        if let Err(error) = storage.check_writable().await {
            problems.push(problem(
                &format!("the storage {}", obstacle(&error)),
                &error,
            ));
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

    /// A transaction that is rolled back writes nothing, and one that is committed wears the disk. So this
    /// checks the file and its folder, where SQLite writes its log.
    async fn check_database_is_writable(&self) -> Result<(), Error> {
        let DatabaseOptions::Sqlite { path } = self.options().database.clone() else {
            return self.metadata().read().await?.require_primary().await;
        };
        blocking(move || {
            rustix::fs::access(&path, rustix::fs::Access::WRITE_OK).map_err(io::Error::from)?;
            let folder = path.parent().unwrap_or(Path::new("."));
            Ok(aar_fs::probe_writable(folder)?)
        })
        .await
    }
}

/// The reason why the storage cannot be written.
fn obstacle(error: &Error) -> &'static str {
    match error {
        Error::StorageFull { .. } => "is full: there is no space, or there are no inodes",
        _ => "cannot be written",
    }
}

fn problem(sentence: &str, error: &Error) -> String {
    let cause: &dyn std::error::Error = error;
    tracing::error!(error = cause, "{sentence}");
    sentence.to_owned()
}

impl Operator {
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
