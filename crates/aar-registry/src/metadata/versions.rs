use aar_types::{ImageInfo, Revision, Version, VersionNumber};
use jiff::Timestamp;
use sqlx::FromRow;

use super::{
    Reading, VariantKey, VersionKey, Writing, sql,
    values::{from_json, json, micros, moment, number, parsed, unsigned},
};
use crate::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionRow {
    pub(crate) variant: VariantKey,
    pub(crate) version: Version,
    pub(crate) revision: Revision,
}

#[derive(FromRow)]
pub(super) struct VersionRecord {
    application: String,
    architecture: String,
    number: i64,
    published: bool,
    created_at: i64,
    manifest: String,
    fingerprint: String,
    digest: String,
    size: i64,
    revision: i64,
}

impl VersionRecord {
    pub(super) fn read(self) -> Result<VersionRow, Error> {
        let number = unsigned("versions.number", self.number)?;
        Ok(VersionRow {
            variant: VariantKey {
                name: parsed("versions.application", &self.application)?,
                architecture: parsed("versions.architecture", &self.architecture)?,
            },
            version: Version {
                number: parsed("versions.number", &number.to_string())?,
                published: self.published,
                created_at: moment("versions.created_at", self.created_at)?,
                manifest: from_json("versions.manifest", &self.manifest)?,
                image: ImageInfo {
                    fingerprint: parsed("versions.fingerprint", &self.fingerprint)?,
                    digest: parsed("versions.digest", &self.digest)?,
                    size: unsigned("versions.size", self.size)?,
                },
            },
            revision: Revision(unsigned("versions.revision", self.revision)?),
        })
    }
}

/// A query for whole rows, with the clauses after the name of the table.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT application, architecture, number, published, created_at, manifest, \
             fingerprint, digest, size, revision FROM versions ",
            $rest
        )
    };
}

impl Reading {
    pub(crate) async fn version(&mut self, key: &VersionKey) -> Result<Option<VersionRow>, Error> {
        let row: Option<VersionRecord> = sql!(optional
            self,
            select!("WHERE application = $1 AND architecture = $2 AND number = $3"),
            key.variant.name.as_str(),
            key.variant.architecture.as_str(),
            i64::from(key.number.0)
        )?;
        row.map(VersionRecord::read).transpose()
    }

    /// Ordered by number.
    pub(crate) async fn versions_of(
        &mut self,
        variant: &VariantKey,
    ) -> Result<Vec<VersionRow>, Error> {
        let rows: Vec<VersionRecord> = sql!(all
            self,
            select!("WHERE application = $1 AND architecture = $2 ORDER BY number"),
            variant.name.as_str(),
            variant.architecture.as_str()
        )?;
        rows.into_iter().map(VersionRecord::read).collect()
    }

    pub(crate) async fn newest_version(
        &mut self,
        variant: &VariantKey,
    ) -> Result<Option<VersionNumber>, Error> {
        let row: Option<(i64,)> = sql!(optional
            self,
            "SELECT number FROM versions WHERE application = $1 AND architecture = $2 \
             ORDER BY number DESC LIMIT 1",
            variant.name.as_str(),
            variant.architecture.as_str()
        )?;
        row.map(|(number,)| parsed("versions.number", &number.to_string()))
            .transpose()
    }

    pub(crate) async fn count_versions(&mut self) -> Result<u64, Error> {
        let (count,): (i64,) = sql!(one self, "SELECT COUNT(*) FROM versions")?;
        unsigned("versions", count)
    }

    /// A page of versions in the order of their keys.
    pub(crate) async fn versions_after(
        &mut self,
        after: Option<&VersionKey>,
        limit: u32,
    ) -> Result<Vec<VersionRow>, Error> {
        let (name, architecture, number) = after.map_or(("", "", -1), |key| {
            let variant = &key.variant;
            let number = i64::from(key.number.0);
            (variant.name.as_str(), variant.architecture.as_str(), number)
        });
        let rows: Vec<VersionRecord> = sql!(all
            self,
            select!(
                "WHERE (application, architecture, number) > ($1, $2, $3) \
                 ORDER BY application, architecture, number LIMIT $4"
            ),
            name,
            architecture,
            number,
            i64::from(limit)
        )?;
        rows.into_iter().map(VersionRecord::read).collect()
    }

    /// The versions that are withdrawn since that moment or longer, in the order of their keys.
    pub(crate) async fn versions_withdrawn_before(
        &mut self,
        moment: Timestamp,
    ) -> Result<Vec<VersionKey>, Error> {
        let rows: Vec<VersionRecord> = sql!(all
            self,
            select!(
                "WHERE published = FALSE AND withdrawn_at <= $1 \
                 ORDER BY application, architecture, number"
            ),
            micros(moment)
        )?;
        let rows = rows.into_iter().map(VersionRecord::read);
        rows.map(|row| Ok(row?.key())).collect()
    }

    /// Whether a version is withdrawn since that moment or longer.
    pub(crate) async fn is_withdrawn_before(
        &mut self,
        key: &VersionKey,
        moment: Timestamp,
    ) -> Result<bool, Error> {
        let (found,): (i64,) = sql!(one
            self,
            "SELECT COUNT(*) FROM versions WHERE application = $1 AND architecture = $2 \
             AND number = $3 AND published = FALSE AND withdrawn_at <= $4",
            key.variant.name.as_str(),
            key.variant.architecture.as_str(),
            i64::from(key.number.0),
            micros(moment)
        )?;
        Ok(found > 0)
    }
}

impl Writing {
    pub(crate) async fn insert_version(&mut self, row: &VersionRow) -> Result<(), Error> {
        let version = &row.version;
        sql!(execute
            self,
            "INSERT INTO versions (application, architecture, number, published, created_at, \
             manifest, fingerprint, digest, size, revision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            row.variant.name.as_str(),
            row.variant.architecture.as_str(),
            i64::from(version.number.0),
            version.published,
            micros(version.created_at),
            json("versions.manifest", &version.manifest)?,
            version.image.fingerprint.to_string(),
            version.image.digest.to_string(),
            number(version.image.size),
            number(row.revision.0)
        )?;
        Ok(())
    }

    pub(crate) async fn set_version_published(
        &mut self,
        key: &VersionKey,
        published: bool,
        (revision, at): (Revision, Timestamp),
    ) -> Result<(), Error> {
        let withdrawn_at = (!published).then(|| micros(at));
        sql!(execute
            self,
            "UPDATE versions SET published = $4, revision = $5, withdrawn_at = $6 \
             WHERE application = $1 AND architecture = $2 AND number = $3",
            key.variant.name.as_str(),
            key.variant.architecture.as_str(),
            i64::from(key.number.0),
            published,
            number(revision.0),
            withdrawn_at
        )?;
        Ok(())
    }

    pub(crate) async fn delete_version(&mut self, key: &VersionKey) -> Result<(), Error> {
        sql!(execute
            self,
            "DELETE FROM versions WHERE application = $1 AND architecture = $2 AND number = $3",
            key.variant.name.as_str(),
            key.variant.architecture.as_str(),
            i64::from(key.number.0)
        )?;
        Ok(())
    }
}
