use aar_types::Digest;
use jiff::Timestamp;
use sqlx::FromRow;

use super::{
    Reading, Writing, sql,
    values::{micros, moment, number, parsed, unsigned},
};
use crate::{Error, UploadId};

/// The durable state of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UploadRow {
    pub(crate) id: UploadId,
    pub(crate) digest: Digest,
    pub(crate) length: u64,
    /// The number of durable bytes.
    pub(crate) durable: u64,
    /// The state of the SHA-256 after these bytes.
    pub(crate) hash_state: Vec<u8>,
    pub(crate) complete: bool,
    /// `Upload-Metadata` as the client has sent it.
    pub(crate) metadata: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// The id of the multipart upload, in a bucket.
    pub(crate) multipart: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UploadTotals {
    pub(crate) count: u64,
    pub(crate) staged: u64,
}

/// The sums over the open uploads of one owner.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnerTotals {
    pub(crate) owner: String,
    pub(crate) count: u64,
    pub(crate) announced: u64,
    pub(crate) staged: u64,
}

impl OwnerTotals {
    /// The bytes that have not arrived.
    pub(crate) fn outstanding(&self) -> u64 {
        self.announced.saturating_sub(self.staged)
    }
}

#[derive(FromRow)]
struct UploadRecord {
    id: String,
    digest: String,
    length: i64,
    durable: i64,
    hash_state: Vec<u8>,
    complete: bool,
    metadata: String,
    created_at: i64,
    expires_at: i64,
    multipart: Option<String>,
}

impl UploadRecord {
    fn read(self) -> Result<UploadRow, Error> {
        Ok(UploadRow {
            id: parsed("uploads.id", &self.id)?,
            digest: parsed("uploads.digest", &self.digest)?,
            length: unsigned("uploads.length", self.length)?,
            durable: unsigned("uploads.durable", self.durable)?,
            hash_state: self.hash_state,
            complete: self.complete,
            metadata: self.metadata,
            created_at: moment("uploads.created_at", self.created_at)?,
            expires_at: moment("uploads.expires_at", self.expires_at)?,
            multipart: self.multipart,
        })
    }
}

/// A query for whole rows, with the clauses after the name of the table.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, digest, length, durable, hash_state, complete, metadata, created_at, \
             expires_at, multipart FROM uploads ",
            $rest
        )
    };
}

impl Reading {
    pub(crate) async fn upload(&mut self, id: UploadId) -> Result<Option<UploadRow>, Error> {
        let row: Option<UploadRecord> = sql!(optional
            self,
            select!("WHERE id = $1"),
            id.to_string()
        )?;
        row.map(UploadRecord::read).transpose()
    }

    /// Open uploads that have expired, oldest first.
    pub(crate) async fn expired_uploads(
        &mut self,
        now: Timestamp,
    ) -> Result<Vec<UploadRow>, Error> {
        let rows: Vec<UploadRecord> = sql!(all
            self,
            select!("WHERE expires_at <= $1 AND complete = FALSE ORDER BY expires_at, id"),
            micros(now)
        )?;
        rows.into_iter().map(UploadRecord::read).collect()
    }

    pub(crate) async fn open_uploads(&mut self) -> Result<Vec<UploadRow>, Error> {
        self.expired_uploads(Timestamp::MAX).await
    }

    /// The open uploads of an image that this owner has created and sent no bytes for.
    pub(crate) async fn untouched_uploads(
        &mut self,
        owner: &str,
        (digest, length): (&Digest, u64),
        metadata: &str,
        now: Timestamp,
    ) -> Result<Vec<UploadRow>, Error> {
        let rows: Vec<UploadRecord> = sql!(all
            self,
            select!(
                "WHERE digest = $1 AND length = $2 AND owner = $3 AND durable = 0 \
                 AND complete = FALSE AND expires_at > $4 AND metadata = $5 ORDER BY created_at, id"
            ),
            digest.to_string(),
            number(length),
            owner,
            micros(now),
            metadata
        )?;
        rows.into_iter().map(UploadRecord::read).collect()
    }

    /// Whether an open upload announces this digest.
    pub(crate) async fn digest_is_awaited(
        &mut self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let found: Option<(i64,)> = sql!(optional
            self,
            "SELECT CAST(1 AS BIGINT) FROM uploads \
             WHERE digest = $1 AND complete = FALSE AND expires_at > $2 LIMIT 1",
            digest.to_string(),
            micros(now)
        )?;
        Ok(found.is_some())
    }

    pub(crate) async fn upload_totals_by_owner(&mut self) -> Result<Vec<OwnerTotals>, Error> {
        let rows: Vec<(String, i64, i64, i64)> = sql!(all
            self,
            "SELECT owner, COUNT(*), CAST(SUM(length) AS BIGINT), CAST(SUM(durable) AS BIGINT) \
             FROM uploads WHERE complete = FALSE GROUP BY owner"
        )?;
        let totals = rows.into_iter().map(|(owner, count, announced, staged)| {
            Ok(OwnerTotals {
                owner,
                count: unsigned("uploads", count)?,
                announced: unsigned("uploads.length", announced)?,
                staged: unsigned("uploads.durable", staged)?,
            })
        });
        totals.collect()
    }

    /// The sums over all open uploads.
    pub(crate) async fn upload_totals(&mut self) -> Result<UploadTotals, Error> {
        let (count, staged): (i64, i64) = sql!(one
            self,
            "SELECT COUNT(*), CAST(COALESCE(SUM(durable), 0) AS BIGINT) \
             FROM uploads WHERE complete = FALSE"
        )?;
        Ok(UploadTotals {
            count: unsigned("uploads", count)?,
            staged: unsigned("uploads.durable", staged)?,
        })
    }
}

impl Writing {
    pub(crate) async fn insert_upload(
        &mut self,
        row: &UploadRow,
        owner: &str,
    ) -> Result<(), Error> {
        sql!(execute
            self,
            "INSERT INTO uploads (id, digest, length, durable, hash_state, complete, created_at, \
             expires_at, owner, metadata) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            row.id.to_string(),
            row.digest.to_string(),
            number(row.length),
            number(row.durable),
            row.hash_state.as_slice(),
            row.complete,
            micros(row.created_at),
            micros(row.expires_at),
            owner,
            row.metadata.as_str()
        )?;
        Ok(())
    }

    /// Records the progress of an upload. Returns `false`, and records nothing, if its progress is no longer
    /// `known`: another process has continued, completed or terminated it.
    pub(crate) async fn advance_upload(
        &mut self,
        known: u64,
        row: &UploadRow,
    ) -> Result<bool, Error> {
        let touched = sql!(execute
            self,
            "UPDATE uploads SET durable = $2, hash_state = $3, complete = $4, expires_at = $5, \
             renewals = CASE WHEN durable < $2 THEN 0 ELSE renewals END \
             WHERE id = $1 AND durable = $6 AND complete = FALSE",
            row.id.to_string(),
            number(row.durable),
            row.hash_state.as_slice(),
            row.complete,
            micros(row.expires_at),
            number(known)
        )?;
        Ok(touched == 1)
    }

    /// Extends an upload without progress, at most `most` times in a row. Returns whether it was extended.
    pub(crate) async fn renew_upload(
        &mut self,
        row: &UploadRow,
        expires_at: Timestamp,
        most: u32,
    ) -> Result<bool, Error> {
        let touched = sql!(execute
            self,
            "UPDATE uploads SET expires_at = $2, renewals = renewals + 1 \
             WHERE id = $1 AND durable = $3 AND complete = FALSE AND renewals < $4",
            row.id.to_string(),
            micros(expires_at),
            number(row.durable),
            i64::from(most)
        )?;
        Ok(touched == 1)
    }

    /// Deletes expired uploads that are complete. They have no staged bytes.
    pub(crate) async fn forget_complete_uploads(&mut self, now: Timestamp) -> Result<(), Error> {
        sql!(execute
            self,
            "DELETE FROM uploads WHERE expires_at <= $1 AND complete = TRUE",
            micros(now)
        )?;
        Ok(())
    }

    pub(crate) async fn delete_upload(&mut self, id: UploadId) -> Result<bool, Error> {
        let touched = sql!(execute
            self,
            "DELETE FROM uploads WHERE id = $1",
            id.to_string()
        )?;
        Ok(touched == 1)
    }
}
