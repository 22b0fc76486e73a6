use sqlx::FromRow;

use super::{
    Reading, Writing, sql,
    values::{number, unsigned},
};
use crate::Error;

/// The desired content of an object in storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutboxRow {
    pub(crate) key: String,
    /// `None`: the object is to be deleted.
    pub(crate) content: Option<Vec<u8>>,
    /// A later entry of the same key has a higher revision, even if this one was delivered before.
    pub(crate) revision: u64,
}

#[derive(FromRow)]
struct OutboxRecord {
    key: String,
    content: Option<Vec<u8>>,
    revision: i64,
}

impl OutboxRecord {
    fn read(self) -> Result<OutboxRow, Error> {
        Ok(OutboxRow {
            key: self.key,
            content: self.content,
            revision: unsigned("outbox.revision", self.revision)?,
        })
    }
}

impl Reading {
    pub(crate) async fn outbox_entry(&mut self, key: &str) -> Result<Option<OutboxRow>, Error> {
        let row: Option<OutboxRecord> = sql!(optional
            self,
            "SELECT key, content, revision FROM outbox WHERE key = $1",
            key
        )?;
        row.map(OutboxRecord::read).transpose()
    }

    /// The number of undelivered entries.
    pub(crate) async fn count_outbox(&mut self) -> Result<u64, Error> {
        let (count,): (i64,) = sql!(one self, "SELECT COUNT(*) FROM outbox")?;
        unsigned("outbox", count)
    }

    /// The keys of undelivered entries that begin with `prefix`, in the order of the entries.
    pub(crate) async fn outbox_keys(&mut self, prefix: &str) -> Result<Vec<String>, Error> {
        let rows: Vec<(String,)> = sql!(all
            self,
            "SELECT key FROM outbox WHERE key >= $1 AND key < $2 ORDER BY revision",
            prefix,
            // Keys are ASCII.
            format!("{prefix}\u{7f}")
        )?;
        Ok(rows.into_iter().map(|(key,)| key).collect())
    }
}

impl Writing {
    /// Replaces an undelivered entry of the same key.
    pub(crate) async fn put_outbox_entry(
        &mut self,
        key: &str,
        content: Option<&[u8]>,
    ) -> Result<(), Error> {
        sql!(execute self, "UPDATE registry SET outbox_revision = outbox_revision + 1")?;
        sql!(execute
            self,
            "INSERT INTO outbox (key, content, revision) \
             VALUES ($1, $2, (SELECT outbox_revision FROM registry)) ON CONFLICT (key) DO UPDATE \
             SET content = excluded.content, revision = excluded.revision",
            key,
            content
        )?;
        Ok(())
    }

    /// Does nothing if a later entry has replaced this one.
    pub(crate) async fn delete_outbox_entry(&mut self, entry: &OutboxRow) -> Result<(), Error> {
        sql!(execute
            self,
            "DELETE FROM outbox WHERE key = $1 AND revision = $2",
            entry.key.as_str(),
            number(entry.revision)
        )?;
        Ok(())
    }
}
