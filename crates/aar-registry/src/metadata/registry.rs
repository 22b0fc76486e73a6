use aar_types::{RegistryId, Revision};

use super::{
    Reading, Writing, sql,
    values::{number, parsed, unsigned},
};
use crate::Error;

#[derive(Debug, Clone)]
pub(crate) struct RegistryRow {
    pub(crate) id: RegistryId,
    pub(crate) revision: Revision,
    /// Changes up to this revision are no longer in the feed.
    pub(crate) compacted: Revision,
    pub(crate) trust_revision: u64,
    /// The name of the storage in use, as in its `registry.json`.
    pub(crate) storage: String,
}

impl Reading {
    /// `None` in an empty database.
    pub(crate) async fn registry(&mut self) -> Result<Option<RegistryRow>, Error> {
        let row: Option<(String, i64, i64, i64, String)> = sql!(optional
            self,
            "SELECT id, revision, compacted, trust_revision, storage FROM registry"
        )?;
        row.map(|(id, revision, compacted, trust_revision, storage)| {
            Ok(RegistryRow {
                id: parsed("registry.id", &id)?,
                revision: Revision(unsigned("registry.revision", revision)?),
                compacted: Revision(unsigned("registry.compacted", compacted)?),
                trust_revision: unsigned("registry.trust_revision", trust_revision)?,
                storage,
            })
        })
        .transpose()
    }

    /// The name of the storage in use; `None` in an empty database.
    pub(crate) async fn storage(&mut self) -> Result<Option<String>, Error> {
        let row: Option<(String,)> = sql!(optional self, "SELECT storage FROM registry")?;
        Ok(row.map(|(storage,)| storage))
    }

    pub(crate) async fn revision(&mut self) -> Result<Revision, Error> {
        let (revision,): (i64,) = sql!(one self, "SELECT revision FROM registry")?;
        Ok(Revision(unsigned("registry.revision", revision)?))
    }
}

impl Writing {
    /// Deletes all rows of a database without a registry.
    pub(crate) async fn clear(&mut self) -> Result<(), Error> {
        sql!(execute self, "DELETE FROM versions")?;
        sql!(execute self, "DELETE FROM variant_tags")?;
        sql!(execute self, "DELETE FROM variants")?;
        sql!(execute self, "DELETE FROM blobs")?;
        sql!(execute self, "DELETE FROM trust")?;
        sql!(execute self, "DELETE FROM site_reports")?;
        Ok(())
    }

    pub(crate) async fn insert_registry(&mut self, row: &RegistryRow) -> Result<(), Error> {
        sql!(execute
            self,
            "INSERT INTO registry (only_row, id, revision, compacted, trust_revision, \
             storage) VALUES (1, $1, $2, $3, $4, $5)",
            row.id.as_str(),
            number(row.revision.0),
            number(row.compacted.0),
            number(row.trust_revision),
            row.storage.as_str(),
        )?;
        Ok(())
    }

    pub(crate) async fn set_storage(&mut self, name: &str) -> Result<(), Error> {
        sql!(execute self, "UPDATE registry SET storage = $1", name)?;
        Ok(())
    }

    pub(crate) async fn set_revision(&mut self, revision: Revision) -> Result<(), Error> {
        sql!(execute self, "UPDATE registry SET revision = $1", number(revision.0))?;
        Ok(())
    }

    /// Counts a change of the trust table.
    pub(crate) async fn next_trust_revision(&mut self) -> Result<(), Error> {
        sql!(execute self, "UPDATE registry SET trust_revision = trust_revision + 1")?;
        Ok(())
    }
}
