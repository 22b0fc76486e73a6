use aar_types::{Digest, RegistryId, Revision};

use super::{Store, corrupt};
use crate::Error;

impl Store {
    /// The registry that was last listed completely, and its revision then.
    pub(crate) async fn known_registry(&self) -> Result<Option<(RegistryId, Revision)>, Error> {
        let row: Option<(String, i64)> = sqlx::query_as("SELECT id, revision FROM registry")
            .fetch_optional(&self.readers)
            .await?;
        row.map(|(id, revision)| {
            let id = id.parse().map_err(|e| corrupt("registry id", &e))?;
            let revision = u64::try_from(revision).map_err(|e| corrupt("revision", &e))?;
            Ok((id, Revision(revision)))
        })
        .transpose()
    }

    /// Remembers the registry that was just listed completely.
    pub(crate) async fn remember_registry(
        &self,
        id: &RegistryId,
        revision: Revision,
    ) -> Result<(), Error> {
        let revision = i64::try_from(revision.0).map_err(|e| corrupt("revision", &e))?;
        sqlx::query(
            "INSERT INTO registry (one, id, revision) VALUES (1, ?1, ?2)
             ON CONFLICT DO UPDATE SET id = excluded.id, revision = excluded.revision",
        )
        .bind(id.as_str())
        .bind(revision)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The upload session that can be continued for an image.
    pub(crate) async fn upload_session(&self, digest: &Digest) -> Result<Option<String>, Error> {
        let session = sqlx::query_scalar("SELECT session FROM uploads WHERE digest = ?1")
            .bind(digest.to_string())
            .fetch_optional(&self.readers)
            .await?;
        Ok(session)
    }

    /// Remembers the upload session of an image, or with `None` forgets it.
    pub(crate) async fn remember_upload(
        &self,
        digest: &Digest,
        session: Option<&str>,
    ) -> Result<(), Error> {
        let query = match session {
            Some(session) => sqlx::query(
                "INSERT INTO uploads (digest, session) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET session = excluded.session",
            )
            .bind(digest.to_string())
            .bind(session),
            None => sqlx::query("DELETE FROM uploads WHERE digest = ?1").bind(digest.to_string()),
        };
        query.execute(&self.writer).await?;
        Ok(())
    }
}
