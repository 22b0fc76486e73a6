use aar_types::{ApplicationMetadata, ApplicationName, Version};
use sqlx::types::Json;

use super::{
    NewApplication, Origin, Store, Writer,
    applications::{find_named, insert, update_metadata},
    versions::size_column,
};
use crate::{
    Error,
    applications::{
        ApplicationId,
        guard::{self, FromRegistry, sealed::Permit as _},
    },
};

impl Store {
    /// Makes a version of the registry usable whose image is in place: application, metadata and
    /// version in one transaction. The same again changes nothing.
    pub(crate) async fn import(
        &self,
        name: &ApplicationName,
        metadata: &ApplicationMetadata,
        version: &Version,
        now: i64,
    ) -> Result<ApplicationId, Error> {
        let mut tx = self.begin().await?;
        let permit = entry(&mut tx, name, metadata, now).await?;
        update_metadata(&mut tx, &permit, metadata).await?;
        put_version(&mut tx, &permit, version).await?;
        tx.commit().await?;
        Ok(permit.id().clone())
    }
}

/// The application that is imported into, made on the way if it is not there.
async fn entry(
    connection: &mut Writer,
    name: &ApplicationName,
    metadata: &ApplicationMetadata,
    now: i64,
) -> Result<FromRegistry, Error> {
    if find_named(connection, name).await?.is_none() {
        let new = NewApplication {
            id: ApplicationId::new(),
            name: name.clone(),
            metadata: metadata.clone(),
            created_at: now,
        };
        insert(connection, &new, Origin::Imported).await?;
    }
    match find_named(connection, name).await? {
        Some(application) => guard::from_registry(&application),
        None => Err(Error::ApplicationNotFound(name.to_string())),
    }
}

async fn put_version(
    connection: &mut Writer,
    permit: &FromRegistry,
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
