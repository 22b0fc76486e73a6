use aar_types::{ApplicationMetadata, Digest, VersionManifest, VersionNumber};
use sqlx::{SqliteConnection, types::Json};

use super::{
    AllowsDelete, ApplicationId, EditPermit, NewApplication, NewVersion, Origin, Permit as _,
    ReadyVersion, Store,
    applications::{insert, metadata_of, update_metadata},
    publish::publish,
    rows::size_column,
};
use crate::Error;

impl Store {
    /// Adds an application that is created here together with its first version.
    pub(crate) async fn add_application(
        &self,
        new: &NewApplication,
        manifest: &VersionManifest,
    ) -> Result<VersionNumber, Error> {
        let mut tx = self.write().await?;
        insert(&mut tx, new, Origin::Local).await?;
        let first = NewVersion {
            manifest,
            created_at: new.created_at,
        };
        let number = insert_version(&mut tx, &new.id, &first).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Adds a version in state `initializing` and returns its number.
    pub(crate) async fn add_version(
        &self,
        permit: &EditPermit,
        new: NewVersion<'_>,
    ) -> Result<VersionNumber, Error> {
        let mut tx = self.write().await?;
        let number = insert_version(&mut tx, permit.id(), &new).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Marks a version ready whose image is in place, and returns the images of versions that it
    /// retired. `None` if the version was deleted meanwhile.
    pub(crate) async fn version_ready(
        &self,
        permit: &EditPermit,
        ready: &ReadyVersion,
    ) -> Result<Option<Vec<Digest>>, Error> {
        let mut tx = self.write().await?;
        if !mark_ready(&mut tx, permit, ready).await? {
            return Ok(None);
        }
        if let Some(metadata) = &ready.metadata
            && is_newest_ready(&mut tx, permit, ready.number).await?
        {
            let current = metadata_of(&mut tx, permit).await?;
            update_metadata(&mut tx, permit, &merged(metadata, &current)).await?;
        }
        let retired = match ready.publish {
            Some(keep) => publish(&mut tx, permit, ready.number, keep).await?,
            None => Vec::new(),
        };
        tx.commit().await?;
        Ok(Some(retired))
    }

    pub(crate) async fn version_failed(
        &self,
        permit: &EditPermit,
        number: VersionNumber,
        reason: &str,
    ) -> Result<(), Error> {
        let statement = sqlx::query(
            "UPDATE versions SET status = 'error', error = ?3
             WHERE application_id = ?1 AND number = ?2 AND status = 'initializing'",
        )
        .bind(permit.id().as_str())
        .bind(number.0)
        .bind(reason);
        self.execute_from_reserve(statement).await?;
        Ok(())
    }

    /// Removes a version whose build was cancelled, and the application if it has no other version.
    pub(crate) async fn version_cancelled(
        &self,
        permit: &EditPermit,
        number: VersionNumber,
    ) -> Result<(), Error> {
        let mut tx = self.write_from_reserve().await?;
        sqlx::query(
            "DELETE FROM versions
             WHERE application_id = ?1 AND number = ?2 AND status = 'initializing'",
        )
        .bind(permit.id().as_str())
        .bind(number.0)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM applications WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM versions WHERE application_id = ?1)",
        )
        .bind(permit.id().as_str())
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// Marks the versions failed that an earlier run of AMS did not finish; returns how many.
    pub(crate) async fn fail_unfinished_versions(&self, reason: &str) -> Result<u64, Error> {
        let statement = sqlx::query(
            "UPDATE versions SET status = 'error', error = ?1 WHERE status = 'initializing'",
        )
        .bind(reason);
        self.execute_from_reserve(statement).await
    }

    /// Removes a version. Removing its image is up to the caller.
    pub(crate) async fn remove_version(
        &self,
        permit: &impl AllowsDelete,
        number: VersionNumber,
    ) -> Result<bool, Error> {
        let delete = "DELETE FROM versions WHERE application_id = ?1 AND number = ?2";
        let statement = sqlx::query(delete)
            .bind(permit.id().as_str())
            .bind(number.0);
        Ok(self.execute_from_reserve(statement).await? > 0)
    }
}

async fn insert_version(
    connection: &mut SqliteConnection,
    application: &ApplicationId,
    new: &NewVersion<'_>,
) -> Result<VersionNumber, Error> {
    let number: Option<u32> = sqlx::query_scalar(
        "UPDATE applications SET next_number = next_number + 1 WHERE id = ?1
         RETURNING next_number - 1",
    )
    .bind(application.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let number = number.ok_or_else(|| Error::ApplicationNotFound(application.to_string()))?;
    sqlx::query(
        "INSERT INTO versions (application_id, number, status, manifest, created_at)
         VALUES (?1, ?2, 'initializing', ?3, ?4)",
    )
    .bind(application.as_str())
    .bind(number)
    .bind(Json(new.manifest))
    .bind(new.created_at)
    .execute(connection)
    .await?;
    Ok(VersionNumber(number))
}

async fn mark_ready(
    connection: &mut SqliteConnection,
    permit: &EditPermit,
    ready: &ReadyVersion,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE versions SET status = 'ready', fingerprint = ?3, digest = ?4, size = ?5
         WHERE application_id = ?1 AND number = ?2 AND status = 'initializing'",
    )
    .bind(permit.id().as_str())
    .bind(ready.number.0)
    .bind(ready.image.fingerprint.to_string())
    .bind(ready.image.digest.to_string())
    .bind(size_column(&ready.image)?)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Attributes that no package can contain keep their current values, which may have changed since
/// the package was uploaded.
fn merged(package: &ApplicationMetadata, current: &ApplicationMetadata) -> ApplicationMetadata {
    ApplicationMetadata {
        vm: current.vm,
        inhibit_auto_updates: current.inhibit_auto_updates,
        ..package.clone()
    }
}

async fn is_newest_ready(
    connection: &mut SqliteConnection,
    permit: &EditPermit,
    number: VersionNumber,
) -> Result<bool, Error> {
    let newest: u32 = sqlx::query_scalar(
        "SELECT max(number) FROM versions WHERE application_id = ?1 AND status = 'ready'",
    )
    .bind(permit.id().as_str())
    .fetch_one(connection)
    .await?;
    Ok(newest == number.0)
}
