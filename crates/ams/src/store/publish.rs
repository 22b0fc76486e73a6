use aar_types::VersionNumber;

use super::{Store, Writer};
use crate::{Error, applications::guard::Change};

impl Store {
    /// Publishes a ready version and unpublishes the oldest ones beyond `keep`.
    pub(crate) async fn publish(
        &self,
        permit: &impl Change,
        number: VersionNumber,
        keep: u32,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        publish(&mut tx, permit, number, keep).await?;
        Ok(tx.commit().await?)
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

/// Publishes a version; the oldest of the other published ones give way.
pub(super) async fn publish(
    connection: &mut Writer,
    permit: &impl Change,
    number: VersionNumber,
    keep: u32,
) -> Result<(), Error> {
    set_published(connection, permit, number, true).await?;
    sqlx::query(
        "UPDATE versions SET published = 0
         WHERE application_id = ?1 AND published = 1 AND number <> ?2 AND number NOT IN (
             SELECT number FROM versions
             WHERE application_id = ?1 AND published = 1 AND number <> ?2
             ORDER BY number DESC LIMIT ?3)",
    )
    .bind(permit.id().as_str())
    .bind(number.0)
    .bind(keep.saturating_sub(1))
    .execute(connection)
    .await?;
    Ok(())
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
