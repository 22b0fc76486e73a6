use aar_types::{Digest, VersionNumber};
use sqlx::SqliteConnection;

use super::{AllowsChange, EditPermit, Permit as _, Store, rows::corrupt};
use crate::Error;

impl Store {
    /// Publishes a ready version and unpublishes the oldest ones beyond `keep`. Returns the images
    /// of versions that were retired; the caller removes those that no other version uses.
    pub(crate) async fn publish(
        &self,
        permit: &EditPermit,
        number: VersionNumber,
        keep: u32,
    ) -> Result<Vec<Digest>, Error> {
        let mut tx = self.write().await?;
        let retired = publish(&mut tx, permit, number, keep).await?;
        tx.commit().await?;
        Ok(retired)
    }

    /// Sets whether a version is published, without retiring others.
    pub(crate) async fn set_published(
        &self,
        permit: &impl AllowsChange,
        number: VersionNumber,
        published: bool,
    ) -> Result<(), Error> {
        let mut tx = self.write().await?;
        set_published(&mut tx, permit, number, published).await?;
        Ok(tx.commit().await?)
    }
}

/// Of the versions that are unpublished, those older than `number` are retired. Newer ones stay: a
/// user who went back to an old version may publish them again.
pub(super) async fn publish(
    connection: &mut SqliteConnection,
    permit: &EditPermit,
    number: VersionNumber,
    keep: u32,
) -> Result<Vec<Digest>, Error> {
    set_published(connection, permit, number, true).await?;
    let unpublished: Vec<(bool, String)> = sqlx::query_as(
        "UPDATE versions SET published = 0, retired = number < ?2
         WHERE application_id = ?1 AND published = 1 AND number <> ?2 AND number NOT IN (
             SELECT number FROM versions
             WHERE application_id = ?1 AND published = 1 AND number <> ?2
             ORDER BY number DESC LIMIT ?3)
         RETURNING retired, digest",
    )
    .bind(permit.id().as_str())
    .bind(number.0)
    .bind(keep.saturating_sub(1))
    .fetch_all(connection)
    .await?;
    let retired = unpublished.into_iter().filter(|(retired, _)| *retired);
    retired
        .map(|(_, digest)| digest.parse().map_err(|e| corrupt("digest", &e)))
        .collect()
}

async fn set_published(
    connection: &mut SqliteConnection,
    permit: &impl AllowsChange,
    number: VersionNumber,
    published: bool,
) -> Result<(), Error> {
    sqlx::query("UPDATE versions SET published = ?3 WHERE application_id = ?1 AND number = ?2")
        .bind(permit.id().as_str())
        .bind(number.0)
        .bind(published)
        .execute(connection)
        .await?;
    Ok(())
}
