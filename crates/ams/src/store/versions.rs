use aar_types::{ApplicationMetadata, Digest, ImageInfo, VersionManifest, VersionNumber};
use sqlx::{FromRow, types::Json};

use super::{
    Store, StoredVersion, VersionState, Writer,
    applications::{insert, metadata_of, update_metadata},
    corrupt,
    publish::publish,
};
use crate::{
    Error,
    applications::guard::{MayEdit, Remove, sealed::Permit as _},
    store::{NewApplication, Origin},
};

/// What a version is begun with.
#[derive(Debug)]
pub(crate) struct NewVersion<'a> {
    pub(crate) manifest: &'a VersionManifest,
    pub(crate) created_at: i64,
}

/// A version whose image is durable.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) number: VersionNumber,
    pub(crate) image: ImageInfo,
    /// What the package says of all versions. It holds from now on, unless a newer version came
    /// first.
    pub(crate) metadata: Option<ApplicationMetadata>,
    /// Publish it, and keep at most so many published versions.
    pub(crate) publish: Option<u32>,
}

#[derive(FromRow)]
pub(super) struct VersionRow {
    pub(super) application_id: String,
    number: u32,
    status: String,
    error: String,
    published: bool,
    pub(super) retired: bool,
    manifest: Json<VersionManifest>,
    fingerprint: Option<String>,
    digest: Option<String>,
    size: Option<i64>,
    created_at: i64,
}

impl VersionRow {
    pub(super) fn read(self) -> Result<StoredVersion, Error> {
        Ok(StoredVersion {
            number: VersionNumber(self.number),
            state: self.state()?,
            published: self.published,
            created_at: self.created_at,
            manifest: self.manifest.0,
        })
    }

    fn state(&self) -> Result<VersionState, Error> {
        match self.status.as_str() {
            "initializing" => Ok(VersionState::Initializing),
            "error" => Ok(VersionState::Failed(self.error.clone())),
            _ => self.image().map(VersionState::Ready),
        }
    }

    fn image(&self) -> Result<ImageInfo, Error> {
        let fingerprint = self.fingerprint.as_deref().unwrap_or_default();
        let digest = self.digest.as_deref().unwrap_or_default();
        let size = self.size.unwrap_or_default();
        Ok(ImageInfo {
            fingerprint: fingerprint
                .parse()
                .map_err(|e| corrupt("fingerprint", &e))?,
            digest: digest.parse().map_err(|e| corrupt("digest", &e))?,
            size: size.try_into().map_err(|e| corrupt("size", &e))?,
        })
    }
}

impl Store {
    /// Adds an application made here together with its first version.
    pub(crate) async fn add_application(
        &self,
        new: &NewApplication,
        manifest: &VersionManifest,
    ) -> Result<VersionNumber, Error> {
        let mut tx = self.begin().await?;
        insert(&mut tx, new, Origin::Local).await?;
        let first = NewVersion {
            manifest,
            created_at: new.created_at,
        };
        let number = next_version(&mut tx, new.id.as_str(), &first).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Begins a version: gives it a number, and shows it as being made.
    pub(crate) async fn begin_version(
        &self,
        permit: &MayEdit,
        new: NewVersion<'_>,
    ) -> Result<VersionNumber, Error> {
        let mut tx = self.begin().await?;
        let number = next_version(&mut tx, permit.id().as_str(), &new).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Makes a version usable whose image is in place, and returns the images of versions that were
    /// retired in its favour. `None` if the version is gone.
    pub(crate) async fn version_ready(
        &self,
        permit: &MayEdit,
        ready: &Ready,
    ) -> Result<Option<Vec<Digest>>, Error> {
        let mut tx = self.begin().await?;
        if !mark_ready(&mut tx, permit, ready).await? {
            return Ok(None);
        }
        if let Some(metadata) = &ready.metadata
            && is_newest_ready(&mut tx, permit, ready.number).await?
        {
            let current = metadata_of(&mut tx, permit).await?;
            update_metadata(&mut tx, permit, &completed(metadata, &current)).await?;
        }
        let retired = match ready.publish {
            Some(keep) => publish(&mut tx, permit, ready.number, keep).await?,
            None => Vec::new(),
        };
        tx.commit().await?;
        Ok(Some(retired))
    }

    /// Keeps a version that could not be made, with the reason.
    pub(crate) async fn version_failed(
        &self,
        permit: &MayEdit,
        number: VersionNumber,
        reason: &str,
    ) -> Result<(), Error> {
        sqlx::query(
            "UPDATE versions SET status = 'error', error = ?3
             WHERE application_id = ?1 AND number = ?2 AND status = 'initializing'",
        )
        .bind(permit.id().as_str())
        .bind(number.0)
        .bind(reason)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Forgets a version whose making was cancelled, and the application if that was all of it.
    pub(crate) async fn version_cancelled(
        &self,
        permit: &MayEdit,
        number: VersionNumber,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
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

    /// Gives versions that an earlier run of AMS left unfinished the reason for it.
    pub(crate) async fn end_unfinished_versions(&self, reason: &str) -> Result<u64, Error> {
        let done = sqlx::query(
            "UPDATE versions SET status = 'error', error = ?1 WHERE status = 'initializing'",
        )
        .bind(reason)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }

    /// Removes a version. Its image is free afterwards.
    pub(crate) async fn remove_version(
        &self,
        permit: &impl Remove,
        number: VersionNumber,
    ) -> Result<bool, Error> {
        let done = sqlx::query("DELETE FROM versions WHERE application_id = ?1 AND number = ?2")
            .bind(permit.id().as_str())
            .bind(number.0)
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

async fn next_version(
    connection: &mut Writer,
    application: &str,
    new: &NewVersion<'_>,
) -> Result<VersionNumber, Error> {
    let number: Option<u32> = sqlx::query_scalar(
        "UPDATE applications SET next_number = next_number + 1 WHERE id = ?1
         RETURNING next_number - 1",
    )
    .bind(application)
    .fetch_optional(&mut *connection)
    .await?;
    let number = number.ok_or_else(|| Error::ApplicationNotFound(application.to_owned()))?;
    sqlx::query(
        "INSERT INTO versions (application_id, number, status, manifest, created_at)
         VALUES (?1, ?2, 'initializing', ?3, ?4)",
    )
    .bind(application)
    .bind(number)
    .bind(Json(new.manifest))
    .bind(new.created_at)
    .execute(connection)
    .await?;
    Ok(VersionNumber(number))
}

async fn mark_ready(
    connection: &mut Writer,
    permit: &MayEdit,
    ready: &Ready,
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

/// What no package can say stays as it is now; it may have changed since the package came.
fn completed(package: &ApplicationMetadata, current: &ApplicationMetadata) -> ApplicationMetadata {
    ApplicationMetadata {
        vm: current.vm,
        inhibit_auto_updates: current.inhibit_auto_updates,
        ..package.clone()
    }
}

async fn is_newest_ready(
    connection: &mut Writer,
    permit: &MayEdit,
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

/// A size as SQLite takes it.
pub(super) fn size_column(image: &ImageInfo) -> Result<i64, Error> {
    i64::try_from(image.size).map_err(|_| Error::Corrupt(format!("a size of {}", image.size)))
}
