use aar_types::{Digest, Fingerprint};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::{
    Reading, Writing, sql,
    values::{from_name, micros, moment, name_of, number, parsed, unsigned},
};
use crate::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobRow {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) state: BlobState,
    /// The moment when the last reference of a version ended; `None` while a version refers to the blob.
    pub(crate) unreferenced_since: Option<Timestamp>,
    /// `None` if the content was not checked yet.
    pub(crate) fingerprint: Option<Fingerprint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BlobState {
    Stored,
    /// Its deletion has begun: it counts as not stored.
    Deleting,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BlobTotals {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) unreferenced_bytes: u64,
}

#[derive(FromRow)]
struct BlobRecord {
    digest: String,
    size: i64,
    state: String,
    unreferenced_since: Option<i64>,
    fingerprint: Option<String>,
}

impl BlobRecord {
    fn read(self) -> Result<BlobRow, Error> {
        let since = self.unreferenced_since;
        Ok(BlobRow {
            digest: parsed("blobs.digest", &self.digest)?,
            size: unsigned("blobs.size", self.size)?,
            state: from_name("blobs.state", self.state)?,
            unreferenced_since: since
                .map(|since| moment("blobs.unreferenced_since", since))
                .transpose()?,
            fingerprint: self
                .fingerprint
                .map(|it| parsed("blobs.fingerprint", &it))
                .transpose()?,
        })
    }
}

/// A query for whole rows, with the clauses after the name of the table.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT digest, size, state, unreferenced_since, fingerprint FROM blobs ",
            $rest
        )
    };
}

impl Reading {
    pub(crate) async fn blob(&mut self, digest: &Digest) -> Result<Option<BlobRow>, Error> {
        let row: Option<BlobRecord> = sql!(optional
            self,
            select!("WHERE digest = $1"),
            digest.to_string()
        )?;
        row.map(BlobRecord::read).transpose()
    }

    /// A page of blobs in the order of their digests.
    pub(crate) async fn blobs_after(
        &mut self,
        after: Option<&Digest>,
        limit: u32,
    ) -> Result<Vec<BlobRow>, Error> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        let rows: Vec<BlobRecord> = sql!(all
            self,
            select!("WHERE digest > $1 ORDER BY digest LIMIT $2"),
            after,
            i64::from(limit)
        )?;
        rows.into_iter().map(BlobRecord::read).collect()
    }

    /// Blobs that can be deleted: unreferenced since before that moment, or already being deleted.
    pub(crate) async fn deletable_blobs(
        &mut self,
        unreferenced_before: Timestamp,
    ) -> Result<Vec<BlobRow>, Error> {
        let rows: Vec<BlobRecord> = sql!(all
            self,
            select!(
                "WHERE unreferenced_since IS NOT NULL \
                 AND (unreferenced_since <= $1 OR state = 'deleting') \
                 AND NOT EXISTS (SELECT 1 FROM versions WHERE versions.digest = blobs.digest) \
                 ORDER BY digest"
            ),
            micros(unreferenced_before)
        )?;
        rows.into_iter().map(BlobRecord::read).collect()
    }

    pub(crate) async fn blob_is_referenced(&mut self, digest: &Digest) -> Result<bool, Error> {
        let found: Option<(i64,)> = sql!(optional
            self,
            "SELECT CAST(1 AS BIGINT) FROM versions WHERE digest = $1 LIMIT 1",
            digest.to_string()
        )?;
        Ok(found.is_some())
    }

    pub(crate) async fn blob_totals(&mut self) -> Result<BlobTotals, Error> {
        let (count, bytes, unreferenced): (i64, i64, i64) = sql!(one
            self,
            "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN unreferenced_since IS NULL THEN 0 ELSE size END), 0) \
             AS BIGINT) FROM blobs"
        )?;
        Ok(BlobTotals {
            count: unsigned("blobs", count)?,
            bytes: unsigned("blobs.size", bytes)?,
            unreferenced_bytes: unsigned("blobs.size", unreferenced)?,
        })
    }
}

impl Writing {
    /// Records a blob as stored, whatever its state was.
    pub(crate) async fn store_blob(
        &mut self,
        digest: &Digest,
        size: u64,
        fingerprint: Option<Fingerprint>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let since = (!self.blob_is_referenced(digest).await?).then(|| micros(at));
        sql!(execute
            self,
            "INSERT INTO blobs (digest, size, state, stored_at, unreferenced_since, fingerprint) \
             VALUES ($1, $2, 'stored', $3, $4, $5) ON CONFLICT (digest) DO UPDATE SET \
             size = excluded.size, state = 'stored', stored_at = excluded.stored_at, \
             unreferenced_since = excluded.unreferenced_since, \
             fingerprint = COALESCE(excluded.fingerprint, blobs.fingerprint)",
            digest.to_string(),
            number(size),
            micros(at),
            since,
            fingerprint.map(|it| it.to_string())
        )?;
        Ok(())
    }

    /// Records the fingerprint of checked content.
    pub(crate) async fn set_blob_fingerprint(
        &mut self,
        digest: &Digest,
        fingerprint: Fingerprint,
    ) -> Result<(), Error> {
        sql!(execute
            self,
            "UPDATE blobs SET fingerprint = $2 WHERE digest = $1",
            digest.to_string(),
            fingerprint.to_string()
        )?;
        Ok(())
    }

    /// Restarts the grace period of a blob, if one is running.
    pub(crate) async fn renew_blob(&mut self, digest: &Digest, at: Timestamp) -> Result<(), Error> {
        sql!(execute
            self,
            "UPDATE blobs SET unreferenced_since = $2 \
             WHERE digest = $1 AND unreferenced_since IS NOT NULL",
            digest.to_string(),
            micros(at)
        )?;
        Ok(())
    }

    /// Updates whether any version refers to the blob, after versions were added or deleted.
    pub(crate) async fn recount_blob(
        &mut self,
        digest: &Digest,
        at: Timestamp,
    ) -> Result<(), Error> {
        let since = (!self.blob_is_referenced(digest).await?).then(|| micros(at));
        sql!(execute
            self,
            "UPDATE blobs SET unreferenced_since = $2 WHERE digest = $1",
            digest.to_string(),
            since
        )?;
        Ok(())
    }

    pub(crate) async fn set_blob_state(
        &mut self,
        digest: &Digest,
        state: BlobState,
    ) -> Result<(), Error> {
        sql!(execute
            self,
            "UPDATE blobs SET state = $2 WHERE digest = $1",
            digest.to_string(),
            name_of("blobs.state", &state)?
        )?;
        Ok(())
    }

    pub(crate) async fn delete_blob(&mut self, digest: &Digest) -> Result<(), Error> {
        sql!(execute self, "DELETE FROM blobs WHERE digest = $1", digest.to_string())?;
        Ok(())
    }
}
