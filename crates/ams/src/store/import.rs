use aar_types::{ApplicationMetadata, ApplicationName, Version};
use sqlx::{SqliteConnection, types::Json};

use super::{ApplicationId, Origin, Permit as _, RegistryPermit, Store, rows::size_column};
use crate::Error;

impl Store {
    /// Adds or replaces a version of the registry whose image is in place: application, metadata
    /// and version in one transaction. Importing the same version again changes nothing.
    pub(crate) async fn import(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        now: i64,
    ) -> Result<ApplicationId, Error> {
        let mut tx = self.write().await?;
        let permit = put_application(&mut tx, name, metadata, now).await?;
        put_version(&mut tx, &permit, version).await?;
        tx.commit().await?;
        Ok(permit.id().clone())
    }
}

/// Changes no local application of the same name.
async fn put_application(
    connection: &mut SqliteConnection,
    name: &ApplicationName,
    metadata: &ApplicationMetadata,
    now: i64,
) -> Result<RegistryPermit, Error> {
    let imported: Option<String> = sqlx::query_scalar(
        "INSERT INTO applications (id, name, origin, metadata, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET metadata = excluded.metadata
             WHERE origin = excluded.origin
         RETURNING id",
    )
    .bind(ApplicationId::new().as_str())
    .bind(name.as_str())
    .bind(Origin::Imported)
    .bind(Json(metadata))
    .bind(now)
    .fetch_optional(connection)
    .await?;
    imported
        .map(|id| RegistryPermit::imported(ApplicationId::from_column(id)))
        .ok_or_else(|| Error::MadeHere(name.clone()))
}

async fn put_version(
    connection: &mut SqliteConnection,
    permit: &RegistryPermit,
    version: &Version,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO versions (application_id, number, status, published, manifest,
             fingerprint, digest, size, created_at)
         VALUES (?1, ?2, 'ready', ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET status = 'ready', error = '', published = excluded.published,
             manifest = excluded.manifest, fingerprint = excluded.fingerprint,
             digest = excluded.digest, size = excluded.size, created_at = excluded.created_at",
    )
    .bind(permit.id().as_str())
    .bind(version.number.0)
    .bind(version.published)
    .bind(Json(&version.manifest))
    .bind(version.image.fingerprint.to_string())
    .bind(version.image.digest.to_string())
    .bind(size_column(&version.image)?)
    .bind(version.created_at.as_second())
    .execute(connection)
    .await?;
    Ok(())
}
