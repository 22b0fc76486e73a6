use aar_types::{Digest, VersionNumber};

use super::{Store, Writer, corrupt};
use crate::{
    Error,
    applications::guard::{Change, MayEdit, sealed::Permit as _},
};

impl Store {
    /// Publishes a ready version; the oldest ones beyond `keep` give way. Returns the images of
    /// those that were retired: nothing may need them any more.
    pub(crate) async fn publish(
        &self,
        permit: &MayEdit,
        number: VersionNumber,
        keep: u32,
    ) -> Result<Vec<Digest>, Error> {
        let mut tx = self.begin().await?;
        let retired = publish(&mut tx, permit, number, keep).await?;
        tx.commit().await?;
        Ok(retired)
    }

    /// Sets whether a version is published, and nothing else.
    pub(crate) async fn set_published(
        &self,
        permit: &impl Change,
        number: VersionNumber,
        published: bool,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        set_published(&mut tx, permit, number, published).await?;
        Ok(tx.commit().await?)
    }
}

/// Publishes a version; the oldest of the other published ones give way. Those that are older than
/// it are retired. Newer ones are only unpublished: whoever goes back to an old version may want to
/// come forward again.
pub(super) async fn publish(
    connection: &mut Writer,
    permit: &MayEdit,
    number: VersionNumber,
    keep: u32,
) -> Result<Vec<Digest>, Error> {
    set_published(connection, permit, number, true).await?;
    let gave_way: Vec<(bool, String)> = sqlx::query_as(
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
    let retired = gave_way.into_iter().filter(|(retired, _)| *retired);
    retired
        .map(|(_, digest)| digest.parse().map_err(|e| corrupt("digest", &e)))
        .collect()
}

async fn set_published(
    connection: &mut Writer,
    permit: &impl Change,
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
