use aar_types::{Change, Revision};

use super::{
    Reading, Writing, sql,
    values::{from_name, micros, moment, name_of, number, parsed, unsigned},
};
use crate::Error;

type ChangeRecord = (i64, i64, String, String, String, Option<i64>);

impl Reading {
    /// Oldest first.
    pub(crate) async fn changes_after(
        &mut self,
        since: Revision,
        limit: u32,
    ) -> Result<Vec<Change>, Error> {
        let rows: Vec<ChangeRecord> = sql!(all
            self,
            "SELECT revision, at, kind, application, architecture, version FROM changes \
             WHERE revision > $1 ORDER BY revision LIMIT $2",
            number(since.0),
            i64::from(limit)
        )?;
        rows.into_iter().map(read).collect()
    }
}

fn read(
    (revision, at, kind, application, architecture, version): ChangeRecord,
) -> Result<Change, Error> {
    Ok(Change {
        revision: Revision(unsigned("changes.revision", revision)?),
        at: moment("changes.at", at)?,
        kind: from_name("changes.kind", kind)?,
        application: parsed("changes.application", &application)?,
        architecture: parsed("changes.architecture", &architecture)?,
        version: version
            .map(|number| parsed("changes.version", &number.to_string()))
            .transpose()?,
    })
}

impl Writing {
    pub(crate) async fn insert_change(&mut self, change: &Change) -> Result<(), Error> {
        sql!(execute
            self,
            "INSERT INTO changes (revision, at, kind, application, architecture, version) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            number(change.revision.0),
            micros(change.at),
            name_of("changes.kind", &change.kind)?,
            change.application.as_str(),
            change.architecture.as_str(),
            change.version.map(|version| i64::from(version.0))
        )?;
        Ok(())
    }

    pub(crate) async fn compact_changes(&mut self, up_to: Revision) -> Result<(), Error> {
        sql!(execute self, "DELETE FROM changes WHERE revision <= $1", number(up_to.0))?;
        sql!(execute
            self,
            "UPDATE registry SET compacted = $1 WHERE compacted < $1",
            number(up_to.0)
        )?;
        Ok(())
    }
}
