use std::collections::HashSet;

use aar_types::Digest;

use super::{Store, corrupt};
use crate::Error;

impl Store {
    /// Whether any version has this image.
    pub(crate) async fn is_in_use(&self, digest: &Digest) -> Result<bool, Error> {
        let found: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM versions WHERE digest = ?1 AND retired = 0)",
        )
        .bind(digest.to_string())
        .fetch_one(&self.writer)
        .await?;
        Ok(found)
    }

    /// The images of all versions.
    pub(crate) async fn digests_in_use(&self) -> Result<HashSet<Digest>, Error> {
        let digests: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT digest FROM versions WHERE digest IS NOT NULL AND retired = 0",
        )
        .fetch_all(&self.writer)
        .await?;
        let digests = digests.into_iter().map(|digest| digest.parse());
        digests
            .collect::<Result<_, _>>()
            .map_err(|e| corrupt("digest", &e))
    }
}
