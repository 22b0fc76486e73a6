use aar_sync::KnownRegistry;
use aar_types::{Digest, Revision};
use sqlx::types::Json;

use super::{Store, rows::corrupt};
use crate::Error;

impl Store {
    /// The registry that this AMS follows, with its revision at the last complete listing.
    pub(crate) async fn known_registry(&self) -> Result<Option<KnownRegistry>, Error> {
        let row: Option<(String, i64, Option<Json<_>>)> =
            sqlx::query_as("SELECT id, revision, held FROM registry")
                .fetch_optional(self.readers())
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

    pub(crate) async fn remember_registry(&self, registry: &KnownRegistry) -> Result<(), Error> {
        let revision = i64::try_from(registry.revision.0).map_err(|e| corrupt("revision", &e))?;
        let statement = sqlx::query(
            "INSERT INTO registry (one, id, revision, held) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT DO UPDATE
             SET id = excluded.id, revision = excluded.revision, held = excluded.held",
        )
        .bind(registry.id.as_str())
        .bind(revision)
        .bind(registry.held.as_ref().map(Json));
        self.execute(statement).await?;
        Ok(())
    }

    /// The upload session of an image that can be resumed.
    pub(crate) async fn upload_session(&self, digest: &Digest) -> Result<Option<String>, Error> {
        let session = sqlx::query_scalar("SELECT session FROM uploads WHERE digest = ?1")
            .bind(digest.to_string())
            .fetch_optional(self.readers())
            .await?;
        Ok(session)
    }

    /// Stores the upload session of an image; `None` removes it.
    pub(crate) async fn remember_upload(
        &self,
        digest: &Digest,
        session: Option<&str>,
    ) -> Result<(), Error> {
        let statement = match session {
            Some(session) => sqlx::query(
                "INSERT INTO uploads (digest, session) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET session = excluded.session",
            )
            .bind(digest.to_string())
            .bind(session),
            None => sqlx::query("DELETE FROM uploads WHERE digest = ?1").bind(digest.to_string()),
        };
        self.execute(statement).await?;
        Ok(())
    }
}
