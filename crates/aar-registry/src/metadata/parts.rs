use super::{
    Reading, Writing, sql,
    values::{number, unsigned},
};
use crate::{Error, UploadId};

/// A stored part of a multipart upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    /// The first is 0.
    pub(crate) number: u64,
    pub(crate) size: u64,
    /// Its entity tag.
    pub(crate) tag: String,
    /// The state of the SHA-256 at its end.
    pub(crate) hash_state: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PartTotals {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl Reading {
    pub(crate) async fn part_totals(&mut self, id: UploadId) -> Result<PartTotals, Error> {
        let (count, bytes): (i64, i64) = sql!(one
            self,
            "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM upload_parts \
             WHERE upload = $1",
            id.to_string()
        )?;
        Ok(PartTotals {
            count: unsigned("upload_parts", count)?,
            bytes: unsigned("upload_parts.size", bytes)?,
        })
    }

    /// The entity tags of the parts, in their order.
    pub(crate) async fn part_tags(&mut self, id: UploadId) -> Result<Vec<String>, Error> {
        let rows: Vec<(String,)> = sql!(all
            self,
            "SELECT tag FROM upload_parts WHERE upload = $1 ORDER BY number",
            id.to_string()
        )?;
        Ok(rows.into_iter().map(|(tag,)| tag).collect())
    }

    /// The state of the SHA-256 at the end of the last part.
    pub(crate) async fn last_part_state(&mut self, id: UploadId) -> Result<Option<Vec<u8>>, Error> {
        let row: Option<(Vec<u8>,)> = sql!(optional
            self,
            "SELECT hash_state FROM upload_parts WHERE upload = $1 ORDER BY number DESC LIMIT 1",
            id.to_string()
        )?;
        Ok(row.map(|(state,)| state))
    }

    /// Whether any upload has this multipart upload.
    pub(crate) async fn multipart_is_known(&mut self, multipart: &str) -> Result<bool, Error> {
        let found: Option<(i64,)> = sql!(optional
            self,
            "SELECT CAST(1 AS BIGINT) FROM uploads WHERE multipart = $1 LIMIT 1",
            multipart
        )?;
        Ok(found.is_some())
    }
}

impl Writing {
    pub(crate) async fn insert_part(&mut self, id: UploadId, part: &PartRow) -> Result<(), Error> {
        sql!(execute
            self,
            "INSERT INTO upload_parts (upload, number, size, tag, hash_state) \
             VALUES ($1, $2, $3, $4, $5)",
            id.to_string(),
            number(part.number),
            number(part.size),
            part.tag.as_str(),
            part.hash_state.as_slice()
        )?;
        Ok(())
    }

    /// Sets the id of the multipart upload. Returns whether there was none yet.
    pub(crate) async fn set_multipart(
        &mut self,
        id: UploadId,
        multipart: &str,
    ) -> Result<bool, Error> {
        let touched = sql!(execute
            self,
            "UPDATE uploads SET multipart = $2 WHERE id = $1 AND multipart IS NULL",
            id.to_string(),
            multipart
        )?;
        Ok(touched == 1)
    }
}
