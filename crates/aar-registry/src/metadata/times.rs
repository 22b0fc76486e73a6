//! Corrects stored times that are in the future, because they were written while the clock was ahead.

use jiff::Timestamp;

use super::{Reading, Writing, sql, values::micros};
use crate::Error;

/// The latest times that can be right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LatestTimes {
    pub(crate) now: Timestamp,
    /// The expiry of an upload that is continued now.
    pub(crate) upload_expiry: Timestamp,
}

impl Reading {
    /// Whether a time is to be corrected, or the time of a withdrawal is not known.
    pub(crate) async fn has_wrong_times(&mut self, latest: LatestTimes) -> Result<bool, Error> {
        let (found,): (i64,) = sql!(one
            self,
            "SELECT (SELECT COUNT(*) FROM uploads WHERE expires_at > $2) \
             + (SELECT COUNT(*) FROM blobs WHERE unreferenced_since > $1) \
             + (SELECT COUNT(*) FROM versions WHERE published = FALSE \
                AND (withdrawn_at IS NULL OR withdrawn_at > $1))",
            micros(latest.now),
            micros(latest.upload_expiry)
        )?;
        Ok(found > 0)
    }
}

impl Writing {
    /// A time in the future becomes the current one, and so does the unknown time of a withdrawal.
    pub(crate) async fn correct_times(&mut self, latest: LatestTimes) -> Result<(), Error> {
        sql!(execute
            self,
            "UPDATE uploads SET expires_at = $1 WHERE expires_at > $1",
            micros(latest.upload_expiry)
        )?;
        sql!(execute
            self,
            "UPDATE blobs SET unreferenced_since = $1 WHERE unreferenced_since > $1",
            micros(latest.now)
        )?;
        sql!(execute
            self,
            "UPDATE versions SET withdrawn_at = $1 \
             WHERE published = FALSE AND (withdrawn_at IS NULL OR withdrawn_at > $1)",
            micros(latest.now)
        )?;
        Ok(())
    }
}
