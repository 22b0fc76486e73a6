use std::collections::HashSet;

use aar_types::Digest;

use super::{Store, rows::corrupt};
use crate::Error;

// Both read in a write transaction: it waits for a commit whose caller was dropped meanwhile.
impl Store {
    pub(crate) async fn is_image_in_use(&self, digest: &Digest) -> Result<bool, Error> {
        let mut tx = self.write().await?;
        let found: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM versions WHERE digest = ?1 AND retired = 0)",
        )
        .bind(digest.to_string())
        .fetch_one(&mut *tx)
        .await?;
        Ok(found)
    }

    pub(crate) async fn images_in_use(&self) -> Result<HashSet<Digest>, Error> {
        let mut tx = self.write().await?;
        let digests: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT digest FROM versions WHERE digest IS NOT NULL AND retired = 0",
        )
        .fetch_all(&mut *tx)
        .await?;
        let digests = digests.into_iter().map(|digest| digest.parse());
        digests
            .collect::<Result<_, _>>()
            .map_err(|e| corrupt("digest", &e))
    }
}
