use aar_sync::KnownRegistry;
use aar_types::{Digest, Revision};
use sqlx::types::Json;

use super::{Store, corrupt};
use crate::Error;

impl Store {
    /// The registry that is followed, with its revision when it was last listed completely.
    pub(crate) async fn known_registry(&self) -> Result<Option<KnownRegistry>, Error> {
        let row: Option<(String, i64, Option<Json<_>>)> =
            sqlx::query_as("SELECT id, revision, held FROM registry")
                .fetch_optional(&self.readers)
                .await?;
        row.map(|(id, revision, held)| {
            let id = id.parse().map_err(|e| corrupt("registry id", &e))?;
            let revision = u64::try_from(revision).map_err(|e| corrupt("revision", &e))?;
            Ok(KnownRegistry {
                id,
                revision: Revision(revision),
                held: held.map(|Json(held)| held),
            })
        })
        .transpose()
    }

    /// Remembers the registry that was just listed completely.
    pub(crate) async fn remember_registry(&self, registry: &KnownRegistry) -> Result<(), Error> {
        let revision = i64::try_from(registry.revision.0).map_err(|e| corrupt("revision", &e))?;
        sqlx::query(
            "INSERT INTO registry (one, id, revision, held) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT DO UPDATE
             SET id = excluded.id, revision = excluded.revision, held = excluded.held",
        )
        .bind(registry.id.as_str())
        .bind(revision)
        .bind(registry.held.as_ref().map(Json))
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
